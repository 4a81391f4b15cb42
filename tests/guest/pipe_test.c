/* SPDX-License-Identifier: Apache-2.0 */
/* covers: pipe2, close */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/guest/asleep.h"

static void *volatile bad = (void *)8;

static char page[4096];

static void nonblock(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static short ready(int fd, short events)
{
    struct pollfd p = { fd, events, 0 };
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

TEST(bytes_come_out_in_order)
{
    int p[2];
    char b[16];

    CHECK(pipe(p) == 0);
    CHECK_EQ(write(p[1], "hello ", 6), 6);
    CHECK_EQ(write(p[1], "world", 5), 5);
    CHECK_EQ(read(p[0], b, sizeof b), 11);
    CHECK(!memcmp(b, "hello world", 11));
    close(p[0]);
    close(p[1]);
}

TEST(it_is_whose_who_made_it_and_can_be_opened_again_by_them)
{
    int p[2], status;
    pid_t pid = fork();

    if (pid == 0) {
        char name[64], c;
        struct stat st;

        if (geteuid() == 0 && (setgid(1234) || setuid(1234)))
            _exit(1);
        if (pipe(p) || fstat(p[0], &st) || st.st_uid != geteuid() || st.st_gid != getegid())
            _exit(2);
        snprintf(name, sizeof name, "/proc/self/fd/%d", p[0]);
        int again = open(name, O_RDONLY);
        _exit(again < 0 || write(p[1], "x", 1) != 1 || read(again, &c, 1) != 1 ? 3 : 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
}

TEST(flags_are_checked_and_kept)
{
    int p[2];

    CHECK_ERRNO(pipe2(p, O_APPEND), EINVAL);
    CHECK_ERRNO(pipe(bad), EFAULT);
    CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
    CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK);
    CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
    CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(read(p[0], page, 1), EAGAIN);
    CHECK_ERRNO(write(p[0], page, 1), EBADF);
    CHECK_ERRNO(read(p[1], page, 1), EBADF);
    CHECK_ERRNO(lseek(p[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(pread(p[0], page, 1, 0), ESPIPE);
    close(p[0]);
    close(p[1]);
}

TEST(the_end_of_writers_is_an_end_of_file)
{
    int p[2];

    CHECK(pipe(p) == 0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    close(p[1]);
    CHECK_EQ(ready(p[0], POLLIN), POLLIN | POLLHUP);
    CHECK_EQ(read(p[0], page, 10), 1);
    CHECK_EQ(ready(p[0], POLLIN), POLLHUP);
    CHECK_EQ(read(p[0], page, 10), 0);
    close(p[0]);
}

static volatile sig_atomic_t pipes;
static void on_pipe(int sig)
{
    (void)sig;
    pipes++;
}

TEST(a_pipe_without_readers_breaks)
{
    int p[2];

    CHECK(pipe(p) == 0);
    signal(SIGPIPE, on_pipe);
    close(p[0]);
    CHECK_EQ(ready(p[1], POLLOUT), POLLOUT | POLLERR);
    CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
    CHECK_EQ(pipes, 1);
    CHECK_EQ(write(p[1], "x", 0), 0);
    CHECK_EQ(pipes, 1);
    signal(SIGPIPE, SIG_DFL);
    close(p[1]);
}

TEST(it_holds_sixteen_pages)
{
    int p[2], n = 0;

    CHECK(pipe(p) == 0);
    nonblock(p[1]);
    while (write(p[1], page, sizeof page) == sizeof page)
        n++;
    CHECK_EQ(n, 16);
    CHECK_ERRNO(write(p[1], page, 1), EAGAIN);
    CHECK_EQ(ready(p[1], POLLOUT), 0);
    /* A page that was read in part still takes its slot. */
    CHECK_EQ(read(p[0], page, 100), 100);
    CHECK_ERRNO(write(p[1], page, 1), EAGAIN);
    CHECK_EQ(read(p[0], page, 3996), 3996);
    CHECK_EQ(ready(p[1], POLLOUT), POLLOUT);
    CHECK_EQ(write(p[1], page, 1), 1);
    close(p[0]);
    close(p[1]);
}

TEST(small_writes_merge)
{
    int p[2], n = 0;

    CHECK(pipe(p) == 0);
    nonblock(p[1]);
    while (write(p[1], page, 1) == 1)
        n++;
    CHECK_EQ(n, 65536);
    CHECK(ioctl(p[0], FIONREAD, &n) == 0);
    CHECK_EQ(n, 65536);
    close(p[0]);
    close(p[1]);
}

TEST(writes_that_do_not_fit_behind_another_take_a_page)
{
    int p[2], n = 0;

    CHECK(pipe(p) == 0);
    nonblock(p[1]);
    while (write(p[1], page, 2100) == 2100)
        n++;
    CHECK_EQ(n, 16);
    close(p[0]);
    close(p[1]);
}

TEST(a_large_write_goes_as_far_as_it_can)
{
    static char big[100000];
    int p[2];

    CHECK(pipe(p) == 0);
    nonblock(p[1]);
    CHECK_EQ(write(p[1], big, sizeof big), 65536);
    nonblock(p[0]);
    CHECK_EQ(read(p[0], big, sizeof big), 65536);
    CHECK_ERRNO(read(p[0], big, 1), EAGAIN);
    close(p[0]);
    close(p[1]);
}

TEST(its_size_can_be_set)
{
    int p[2], n = 0;

    CHECK(pipe(p) == 0);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 5000), 8192);
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 1), 4096);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    nonblock(p[1]);
    while (write(p[1], page, sizeof page) > 0)
        n++;
    CHECK_EQ(n, 256);
    CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 65536), EBUSY);
    CHECK_ERRNO(fcntl(0, F_GETPIPE_SZ), EBADF);
    close(p[0]);
    close(p[1]);
}

TEST(packets_keep_their_borders)
{
    int p[2];

    CHECK(pipe2(p, O_DIRECT | O_NONBLOCK) == 0);
    CHECK_EQ(write(p[1], "one", 3), 3);
    CHECK_EQ(write(p[1], "three", 5), 5);
    CHECK_EQ(read(p[0], page, 100), 3);
    CHECK_EQ(read(p[0], page, 2), 2);
    CHECK_ERRNO(read(p[0], page, 2), EAGAIN);
    close(p[0]);
    close(p[1]);
}

TEST(a_bad_buffer_loses_nothing)
{
    int p[2];

    CHECK(pipe2(p, O_NONBLOCK) == 0);
    CHECK_ERRNO(write(p[1], bad, 4), EFAULT);
    CHECK_EQ(write(p[1], "abcd", 4), 4);
    CHECK_ERRNO(read(p[0], bad, 4), EFAULT);
    CHECK_EQ(read(p[0], page, 4), 4);
    CHECK_ERRNO(read(p[0], page, 4), EAGAIN);
    close(p[0]);
    close(p[1]);
}

static void *reader(void *arg)
{
    char b[8192];
    long n, sum = 0;

    while ((n = read(*(int *)arg, b, sizeof b)) > 0)
        for (long i = 0; i < n; i++)
            sum += (unsigned char)b[i];
    return (void *)sum;
}

TEST(a_blocking_write_waits_for_readers)
{
    static char big[1 << 20];
    pthread_t t;
    void *sum;
    int p[2];

    CHECK(pipe(p) == 0);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i % 7);
    CHECK(pthread_create(&t, NULL, reader, &p[0]) == 0);
    CHECK_EQ(write(p[1], big, sizeof big), sizeof big);
    close(p[1]);
    CHECK(pthread_join(t, &sum) == 0);
    long want = 0;
    for (size_t i = 0; i < sizeof big; i++)
        want += big[i];
    CHECK_EQ((long)sum, want);
    close(p[0]);
}

TEST(two_processes_play_ping_pong)
{
    int a[2], b[2], status;
    char c = 0;

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        while (read(a[0], &c, 1) == 1 && c < 100) {
            c++;
            if (write(b[1], &c, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    while (c < 100) {
        CHECK_EQ(write(a[1], &c, 1), 1);
        CHECK_EQ(read(b[0], &c, 1), 1);
    }
    CHECK_EQ(write(a[1], &c, 1), 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(c, 100);
}

static volatile sig_atomic_t alarms;
static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

TEST(a_signal_ends_a_read_without_sa_restart)
{
    struct sigaction sa = { .sa_handler = on_alarm };
    int p[2];

    CHECK(pipe(p) == 0);
    sigaction(SIGALRM, &sa, NULL);
    pid_t pid = signal_when_asleep(SIGALRM);
    CHECK_ERRNO(read(p[0], page, 1), EINTR);
    CHECK_EQ(alarms, 1);
    CHECK(has_signalled(pid));
    close(p[0]);
    close(p[1]);
}

TEST(stat_says_fifo)
{
    struct stat st, other;
    int p[2];

    CHECK(pipe(p) == 0);
    CHECK(fstat(p[0], &st) == 0 && fstat(p[1], &other) == 0);
    CHECK(S_ISFIFO(st.st_mode));
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_EQ(st.st_ino, other.st_ino);
    close(p[0]);
    close(p[1]);
}

MAIN
