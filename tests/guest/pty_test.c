/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudoterminals and the line discipline. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "tests/guest/lib.h"

static int m, s; /* master and slave of the test */
static char name[64];

static short ready(int fd, short events)
{
    struct pollfd p = { fd, events, 0 };
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static bool open_pair(void)
{
    int nr, unlock = 0;

    m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (m < 0 && errno == EACCES)
        SKIP_ALL("this host gives its users no terminals");
    if (m < 0 || ioctl(m, TIOCGPTN, &nr) < 0 || ioctl(m, TIOCSPTLCK, &unlock) < 0)
        return false;
    snprintf(name, sizeof name, "/dev/pts/%d", nr);
    s = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    return s >= 0;
}

static void close_pair(void)
{
    close(s);
    close(m);
}

/* On a real kernel input goes through a worker, which may be slow: these wait for it. */
static bool becomes(int fd, short events, short want)
{
    for (int i = 0; i < 10000 && ready(fd, events) != want; i++)
        usleep(1000);
    return ready(fd, events) == want;
}

static bool holds(int fd, int bytes)
{
    int n = 0;

    for (int i = 0; i < 10000 && (ioctl(fd, FIONREAD, &n) || n < bytes); i++)
        usleep(1000);
    return n == bytes;
}

/* Everything that comes from a side soon, and `least` bytes even if that takes longer. */
static const char *all(int fd, size_t least)
{
    static char b[8192];
    size_t n = 0;
    struct pollfd p = { fd, POLLIN, 0 };

    while (poll(&p, 1, n < least ? 10000 : n ? 20 : 50) > 0) {
        ssize_t r = read(fd, b + n, sizeof b - 1 - n);
        if (r <= 0)
            break;
        n += (size_t)r;
    }
    b[n] = 0;
    return b;
}

static bool gives(int fd, const char *want)
{
    const char *got = all(fd, strlen(want));
    if (strcmp(got, want) == 0)
        return true;
    printf("got:");
    for (; *got; got++)
        printf(*got < 32 || *got > 126 ? "\\%03o" : "%c", (unsigned char)*got);
    printf("\n");
    return false;
}

static bool type(const char *text)
{
    return write(m, text, strlen(text)) == (ssize_t)strlen(text);
}

static void mode(tcflag_t iflag, tcflag_t oflag, tcflag_t lflag, int min, int time)
{
    struct termios t;
    tcgetattr(s, &t);
    t.c_iflag = iflag;
    t.c_oflag = oflag;
    t.c_lflag = lflag;
    t.c_cc[VMIN] = (cc_t)min;
    t.c_cc[VTIME] = (cc_t)time;
    tcsetattr(s, TCSANOW, &t);
}

TEST(a_new_one_is_locked)
{
    int nr, locked;

    m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (m < 0 && errno == EACCES)
        SKIP_ALL("this host gives its users no terminals");
    CHECK(m >= 0);
    CHECK(ioctl(m, TIOCGPTN, &nr) == 0);
    CHECK(ioctl(m, TIOCGPTLCK, &locked) == 0);
    CHECK_EQ(locked, 1);
    snprintf(name, sizeof name, "/dev/pts/%d", nr);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
    close(m);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT);
}

TEST(what_it_is)
{
    struct stat st;
    struct termios t;

    CHECK(open_pair());
    CHECK(isatty(s) && isatty(m));
    CHECK(fstat(s, &st) == 0 && S_ISCHR(st.st_mode));
    CHECK_EQ(st.st_rdev >> 8, 136);
    CHECK(tcgetattr(s, &t) == 0);
    CHECK_EQ(t.c_iflag, ICRNL | IXON);
    CHECK_EQ(t.c_oflag, OPOST | ONLCR);
    CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
    CHECK_EQ(t.c_cc[VINTR], 3);
    CHECK_EQ(t.c_cc[VERASE], 127);
    CHECK_EQ(cfgetospeed(&t), B38400);
    CHECK_ERRNO(lseek(s, 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(ioctl(s, TIOCGPTN, &st), ENOTTY);
    CHECK_ERRNO(ioctl(s, 0x7777, &st), ENOTTY);
    close_pair();
}

TEST(lines_are_read_whole)
{
    char b[16];

    CHECK(open_pair());
    CHECK(type("ab"));
    CHECK(gives(m, "ab"));
    CHECK_EQ(ready(s, POLLIN), 0);
    CHECK_ERRNO(read(s, b, 16), EAGAIN);
    CHECK(type("c\rde\n"));
    CHECK(gives(m, "c\r\nde\r\n"));
    CHECK_EQ(ready(s, POLLIN), POLLIN);
    int n;
    CHECK(ioctl(s, FIONREAD, &n) == 0);
    CHECK_EQ(n, 7);
    CHECK_EQ(read(s, b, 2), 2);
    CHECK_EQ(read(s, b, 16), 2);
    CHECK(!memcmp(b, "c\n", 2));
    CHECK_EQ(read(s, b, 16), 3);
    CHECK_ERRNO(read(s, b, 16), EAGAIN);
    close_pair();
}

TEST(end_of_file)
{
    char b[16];

    CHECK(open_pair());
    CHECK(type("ab\004"));
    CHECK(gives(m, "ab"));
    CHECK_EQ(read(s, b, 16), 2);
    CHECK(type("\004"));
    CHECK_EQ(all(m, 0)[0], 0);
    CHECK_EQ(read(s, b, 16), 0);
    CHECK(type("xyz\004"));
    CHECK(gives(m, "xyz"));
    CHECK_EQ(read(s, b, 3), 3);
    CHECK_ERRNO(read(s, b, 3), EAGAIN);
    close_pair();
}

TEST(editing)
{
    char b[32];

    CHECK(open_pair());
    CHECK(type("abc\177d\n"));
    CHECK(gives(m, "abc\b \bd\r\n"));
    CHECK_EQ(read(s, b, 32), 4);
    CHECK(!memcmp(b, "abd\n", 4));
    CHECK(type("one two  \027x\n"));
    CHECK(gives(m, "one two  \b \b\b \b\b \b\b \b\b \bx\r\n"));
    CHECK_EQ(read(s, b, 32), 6);
    CHECK(!memcmp(b, "one x\n", 6));
    CHECK(type("abc\025z\n"));
    CHECK(gives(m, "abc\b \b\b \b\b \bz\r\n"));
    CHECK_EQ(read(s, b, 32), 2);
    CHECK(type("a\026\003b\n"));
    CHECK(gives(m, "a^\b^Cb\r\n"));
    CHECK_EQ(read(s, b, 32), 4);
    CHECK_EQ(b[1], 3);
    CHECK(type("ab\022c\n"));
    CHECK(gives(m, "ab^R\r\nabc\r\n"));
    CHECK_EQ(read(s, b, 32), 4);
    close_pair();
}

TEST(tabs_are_rubbed_out)
{
    char b[32];

    CHECK(open_pair());
    CHECK(type("ab\tc\177\177x\n"));
    CHECK(gives(m, "ab\tc\b \b\b\b\b\b\b\bx\r\n"));
    CHECK_EQ(read(s, b, 32), 4);
    CHECK(type("\001\177x\n"));
    CHECK(gives(m, "^A\b \b\b \bx\r\n"));
    CHECK_EQ(read(s, b, 32), 2);
    close_pair();
}

TEST(utf8_is_rubbed_out_whole)
{
    char b[32];

    CHECK(open_pair());
    mode(ICRNL | IUTF8, OPOST | ONLCR, ICANON | ECHO | ECHOE, 1, 0);
    CHECK(type("a\303\244\177b\n"));
    CHECK(gives(m, "a\303\244\b \bb\r\n"));
    CHECK_EQ(read(s, b, 32), 3);
    close_pair();
}

TEST(old_ways_to_show_erasing)
{
    char b[32];

    CHECK(open_pair());
    mode(ICRNL, OPOST | ONLCR, ICANON | ECHO | ECHOE | ECHOPRT, 1, 0);
    CHECK(type("abc\177\177d\n"));
    CHECK(gives(m, "abc\\cb/d\r\n"));
    CHECK_EQ(read(s, b, 32), 3);
    mode(ICRNL, OPOST | ONLCR, ICANON | ECHO | ECHOK | ECHOCTL, 1, 0);
    CHECK(type("ab\177"));
    CHECK(gives(m, "ab^?"));
    CHECK(type("\025q\n"));
    CHECK(gives(m, "^U\r\nq\r\n"));
    CHECK_EQ(read(s, b, 32), 2);
    mode(ICRNL, OPOST | ONLCR, ICANON | ECHONL, 1, 0);
    CHECK(type("hidden\n"));
    CHECK(gives(m, "\r\n"));
    CHECK_EQ(read(s, b, 32), 7);
    close_pair();
}

TEST(output_is_processed)
{
    CHECK(open_pair());
    CHECK_EQ(write(s, "a\nb", 3), 3);
    CHECK(gives(m, "a\r\nb"));
    mode(0, OPOST | XTABS, 0, 1, 0);
    CHECK_EQ(write(s, "\rab\tc\n", 6), 6);
    CHECK(gives(m, "\rab      c\n"));
    mode(0, OPOST | OCRNL, 0, 1, 0);
    CHECK_EQ(write(s, "a\rb", 3), 3);
    CHECK(gives(m, "a\nb"));
    mode(0, OPOST | ONOCR, 0, 1, 0);
    CHECK_EQ(write(s, "\r\n\rx\r", 5), 5);
    mode(0, 0, 0, 1, 0);
    all(m, 0);
    CHECK_EQ(write(s, "a\n\t", 3), 3);
    CHECK(gives(m, "a\n\t"));
    close_pair();
}

TEST(input_is_mapped)
{
    char b[16];

    CHECK(open_pair());
    mode(INLCR | IGNCR, 0, 0, 1, 0);
    CHECK(type("a\rb\n"));
    CHECK(gives(s, "ab\r"));
    mode(ISTRIP, 0, 0, 1, 0);
    CHECK(type("\301\302"));
    CHECK(gives(s, "AB"));
    mode(0, 0, 0, 1, 0);
    CHECK(type("\301\r\n\003\177"));
    CHECK(holds(s, 5));
    CHECK_EQ(read(s, b, 16), 5);
    CHECK(!memcmp(b, "\301\r\n\003\177", 5));
    close_pair();
}

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

TEST(vmin_and_vtime)
{
    char b[16];
    long start;

    CHECK(open_pair());
    fcntl(s, F_SETFL, 0);
    mode(0, 0, 0, 0, 0);
    CHECK_EQ(read(s, b, 16), 0);
    mode(0, 0, 0, 0, 2);
    start = now_ms();
    CHECK_EQ(read(s, b, 16), 0);
    CHECK(now_ms() - start >= 190);
    mode(0, 0, 0, 5, 1);
    CHECK(type("abc"));
    start = now_ms();
    CHECK_EQ(read(s, b, 16), 3);
    CHECK(now_ms() - start >= 90);
    CHECK(type("abcdefg"));
    CHECK(holds(s, 7));
    CHECK_EQ(read(s, b, 16), 7);
    mode(0, 0, 0, 3, 0);
    CHECK(type("ab"));
    CHECK(holds(s, 2));
    CHECK_EQ(ready(s, POLLIN), 0);
    CHECK(type("c"));
    CHECK(holds(s, 3));
    CHECK_EQ(ready(s, POLLIN), POLLIN);
    CHECK_EQ(read(s, b, 16), 3);
    close_pair();
}

TEST(output_stops_and_starts)
{
    CHECK(open_pair());
    CHECK(type("\023"));
    CHECK(becomes(s, POLLOUT, 0));
    CHECK_ERRNO(write(s, "x", 1), EAGAIN);
    CHECK(type("\021"));
    CHECK(becomes(s, POLLOUT, POLLOUT));
    CHECK_EQ(write(s, "x", 1), 1);
    CHECK(gives(m, "x"));
    CHECK(tcflow(s, TCOOFF) == 0);
    CHECK_ERRNO(write(s, "y", 1), EAGAIN);
    CHECK(tcflow(s, TCOON) == 0);
    CHECK_EQ(write(s, "y", 1), 1);
    CHECK(gives(m, "y"));
    close_pair();
}

TEST(flushing)
{
    char b[16];

    CHECK(open_pair());
    CHECK(type("abc\n"));
    CHECK(holds(s, 4));
    CHECK(gives(m, "abc\r\n"));
    CHECK(tcflush(s, TCIFLUSH) == 0);
    CHECK_ERRNO(read(s, b, 16), EAGAIN);
    CHECK_ERRNO(ioctl(s, TCFLSH, 9), EINVAL);
    CHECK(type("abc"));
    CHECK(gives(m, "abc"));
    struct termios t;
    CHECK(tcgetattr(s, &t) == 0);
    CHECK(tcsetattr(s, TCSAFLUSH, &t) == 0);
    CHECK(type("d\n"));
    CHECK(holds(s, 2));
    CHECK_EQ(read(s, b, 16), 2);
    close_pair();
}

TEST(changing_the_mode_keeps_what_was_typed)
{
    char b[16];

    CHECK(open_pair());
    mode(0, 0, 0, 1, 0);
    CHECK(type("abc"));
    CHECK(holds(s, 3));
    mode(0, 0, ICANON, 1, 0);
    CHECK_EQ(read(s, b, 16), 3);
    CHECK(type("de"));
    usleep(10000);
    CHECK_ERRNO(read(s, b, 16), EAGAIN);
    mode(0, 0, 0, 1, 0);
    CHECK(holds(s, 2));
    CHECK_EQ(read(s, b, 16), 2);
    close_pair();
}

#ifndef EXTPROC
#define EXTPROC 0x10000
#endif

/* Somebody at the far side edits the lines: what comes is read as it is. */
TEST(lines_that_are_edited_elsewhere)
{
    struct termios t;
    char b[16];
    int n;

    CHECK(open_pair());
    CHECK(tcgetattr(s, &t) == 0);
    t.c_lflag |= EXTPROC;
    CHECK(tcsetattr(s, TCSANOW, &t) == 0);
    CHECK(type("abc\n"));
    usleep(20000);
    CHECK_EQ(ready(s, POLLIN), POLLIN);
    CHECK(ioctl(s, FIONREAD, &n) == 0);
    CHECK_EQ(n, 4);
    CHECK_EQ(read(s, b, 2), 2);
    CHECK_EQ(read(s, b, 16), 2);
    CHECK_ERRNO(read(s, b, 16), EAGAIN);
    CHECK(type("\x04"));
    usleep(20000);
    CHECK_EQ(read(s, b, 16), 0);
    CHECK(type("no line"));
    usleep(20000);
    CHECK_EQ(read(s, b, 16), 7);
    close_pair();
}

TEST(a_line_may_not_be_endless)
{
    static char b[8192];
    char line[5000];

    CHECK(open_pair());
    mode(0, 0, ICANON, 1, 0);
    memset(line, 'x', sizeof line);
    CHECK_EQ(write(m, line, sizeof line), sizeof line);
    usleep(20000);
    CHECK_EQ(ready(s, POLLIN), 0);
    CHECK(type("\n"));
    CHECK(becomes(s, POLLIN, POLLIN));
    CHECK_EQ(read(s, b, sizeof b), 4096);
    CHECK_EQ(b[4095], '\n');
    close_pair();
}

TEST(packet_mode)
{
    char b[16];
    int on = 1;

    CHECK(open_pair());
    CHECK(ioctl(m, TIOCPKT, &on) == 0);
    CHECK_EQ(write(s, "ab", 2), 2);
    CHECK(becomes(m, POLLIN, POLLIN));
    CHECK_EQ(read(m, b, 16), 3);
    CHECK_EQ(b[0], TIOCPKT_DATA);
    CHECK(tcflush(s, TCIFLUSH) == 0);
    CHECK_EQ(ready(m, POLLIN | POLLPRI), POLLIN | POLLPRI);
    CHECK_EQ(read(m, b, 16), 1);
    CHECK_EQ(b[0], TIOCPKT_FLUSHREAD);
    CHECK(tcflow(s, TCOOFF) == 0);
    CHECK_EQ(read(m, b, 16), 1);
    CHECK_EQ(b[0], TIOCPKT_STOP);
    CHECK(tcflow(s, TCOON) == 0);
    CHECK_EQ(read(m, b, 16), 1);
    CHECK_EQ(b[0], TIOCPKT_START);
    mode(ICRNL, OPOST, ICANON, 1, 0);
    CHECK_EQ(read(m, b, 16), 1);
    CHECK_EQ(b[0], TIOCPKT_NOSTOP);
    CHECK_ERRNO(read(m, b, 16), EAGAIN);
    close_pair();
}

TEST(the_size_is_the_same_for_both)
{
    struct winsize w = { 24, 80, 0, 0 }, got;

    CHECK(open_pair());
    CHECK(ioctl(m, TIOCGWINSZ, &got) == 0);
    CHECK_EQ(got.ws_row, 0);
    CHECK(ioctl(m, TIOCSWINSZ, &w) == 0);
    CHECK(ioctl(s, TIOCGWINSZ, &got) == 0);
    CHECK_EQ(got.ws_col, 80);
    close_pair();
}

TEST(the_near_end_closes)
{
    char b[4];

    CHECK(open_pair());
    CHECK_EQ(write(s, "z", 1), 1);
    close(s);
    CHECK(becomes(m, POLLIN | POLLOUT, POLLIN | POLLOUT | POLLHUP));
    CHECK_EQ(read(m, b, 4), 1);
    CHECK_ERRNO(read(m, b, 4), EIO);
    s = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    CHECK(s >= 0);
    CHECK_ERRNO(read(m, b, 4), EAGAIN);
    close_pair();
}

TEST(the_far_end_closes)
{
    struct termios t;
    char b[4];

    CHECK(open_pair());
    close(m);
    CHECK_EQ(read(s, b, 4), 0);
    CHECK_ERRNO(write(s, b, 1), EIO);
    CHECK_ERRNO(tcgetattr(s, &t), EIO);
    CHECK_EQ(ready(s, POLLIN | POLLOUT), POLLIN | POLLOUT | POLLERR | POLLHUP);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT);
    close(s);
}

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

TEST(the_master_opens_its_peer)
{
    int peer;

    CHECK(open_pair());
    peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(peer >= 0);
    CHECK_EQ(fcntl(peer, F_GETFD), FD_CLOEXEC);
    CHECK(isatty(peer));
    CHECK(!strcmp(ttyname(peer), name));
    CHECK_ERRNO(ioctl(s, TIOCGPTPEER, O_RDWR), EIO);
    close(peer);
    close_pair();
}

TEST(those_who_have_it_open_can_be_hung_up_on)
{
    struct termios t;
    char b[16];

    if (geteuid() != 0)
        return;
    CHECK(open_pair());
    mode(0, 0, ICANON, 1, 0);
    CHECK(type("old\n"));
    usleep(20000);
    CHECK_EQ(ready(s, POLLIN), POLLIN);
    CHECK_EQ(ioctl(s, TIOCVHANGUP), 0);
    CHECK_EQ(read(s, b, 16), 0);
    CHECK_ERRNO(write(s, "x", 1), EIO);
    CHECK_ERRNO(tcgetattr(s, &t), EIO);
    CHECK(ready(s, POLLIN) & POLLHUP);
    CHECK_EQ(ready(m, POLLIN | POLLOUT), POLLOUT);
    int again = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    CHECK(again >= 0);
    CHECK(tcgetattr(again, &t) == 0 && t.c_lflag & ECHO);
    CHECK_ERRNO(read(again, b, 16), EAGAIN);
    CHECK_EQ(write(again, "hi", 2), 2);
    CHECK(gives(m, "hi"));
    CHECK(type("new\n"));
    usleep(20000);
    CHECK_EQ(read(again, b, 16), 4);
    CHECK_EQ(read(s, b, 16), 0);
    close(again);
    close_pair();
}

TEST(exclusive_use)
{
    int on;

    CHECK(open_pair());
    CHECK(ioctl(s, TIOCEXCL) == 0);
    CHECK(ioctl(s, TIOCGEXCL, &on) == 0);
    CHECK_EQ(on, 1);
    CHECK(ioctl(s, TIOCNXCL) == 0);
    close_pair();
}

MAIN
