/* SPDX-License-Identifier: Apache-2.0 */
/* covers: getpgrp */
/* Controlling terminals and job control. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "tests/guest/lib.h"

static int m;
static char name[64];

static bool open_master(void)
{
    int nr, unlock = 0;

    m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (m < 0 && errno == EACCES)
        SKIP_ALL("this host gives its users no terminals");
    if (m < 0 || ioctl(m, TIOCGPTN, &nr) < 0 || ioctl(m, TIOCSPTLCK, &unlock) < 0)
        return false;
    snprintf(name, sizeof name, "/dev/pts/%d", nr);
    return true;
}

/* Runs `body` as the leader of a session with the terminal; its status. */
static int in_session(int (*body)(int s))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setsid();
        int s = open(name, O_RDWR);
        _exit(s < 0 ? 99 : body(s));
    }
    return waitpid(pid, &status, 0) == pid ? (WIFEXITED(status) ? WEXITSTATUS(status) : 200) : -1;
}

static int takes_it(int s)
{
    int fd = open("/dev/tty", O_RDWR), sid;

    if (fd < 0)
        return 1;
    if (tcgetpgrp(s) != getpgrp())
        return 2;
    if (ioctl(s, TIOCGSID, &sid) < 0 || sid != getpid())
        return 3;
    if (tcsetpgrp(s, 99999) != -1 || errno != ESRCH)
        return 4;
    if (ioctl(fd, TIOCNOTTY) < 0)
        return 5;
    if (open("/dev/tty", O_RDWR) != -1 || errno != ENXIO)
        return 6;
    if (tcgetpgrp(s) != -1 || errno != ENOTTY)
        return 7;
    if (ioctl(s, TIOCSCTTY, 0) < 0)
        return 8;
    return 0;
}

TEST(a_leader_takes_a_terminal)
{
    signal(SIGHUP, SIG_IGN);
    CHECK(open_master());
    CHECK_EQ(in_session(takes_it), 0);
    signal(SIGHUP, SIG_DFL);
    close(m);
}

static volatile sig_atomic_t got;
static void on_signal(int sig)
{
    got = sig;
}

static int wait_for(int sig)
{
    for (int i = 0; i < 2000 && got != sig; i++)
        usleep(5000);
    int r = got == sig ? 0 : 10 + got;
    got = 0;
    return r;
}

static int is_interrupted(int s)
{
    struct winsize w = { 10, 20, 0, 0 };

    (void)s;
    signal(SIGINT, on_signal);
    signal(SIGQUIT, on_signal);
    signal(SIGTSTP, on_signal);
    signal(SIGWINCH, on_signal);
    if (write(m, "\003", 1) != 1 || wait_for(SIGINT))
        return 1;
    if (write(m, "\034", 1) != 1 || wait_for(SIGQUIT))
        return 2;
    if (write(m, "\032", 1) != 1 || wait_for(SIGTSTP))
        return 3;
    if (ioctl(m, TIOCSWINSZ, &w) < 0 || wait_for(SIGWINCH))
        return 4;
    if (ioctl(m, TIOCSIG, SIGINT) < 0 || wait_for(SIGINT))
        return 5;
    return 0;
}

TEST(keys_are_signals)
{
    CHECK(open_master());
    CHECK_EQ(in_session(is_interrupted), 0);
    close(m);
}

/* The child of `body` stops with a signal; returns which. */
static int stops_with(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, WUNTRACED) != pid)
        return -1;
    int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : -2;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return sig;
}

static int background(int s)
{
    char c;
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        _exit(read(s, &c, 1) != -1);
    }
    if (stops_with(pid) != SIGTTIN)
        return 1;
    pid = fork();
    if (pid == 0) {
        struct termios t;
        setpgid(0, 0);
        tcgetattr(s, &t);
        _exit(tcsetattr(s, TCSANOW, &t));
    }
    if (stops_with(pid) != SIGTTOU)
        return 2;
    struct termios t;
    tcgetattr(s, &t);
    t.c_lflag |= TOSTOP;
    tcsetattr(s, TCSANOW, &t);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        _exit(write(s, "x", 1) != 1);
    }
    if (stops_with(pid) != SIGTTOU)
        return 3;
    pid = fork();
    if (pid == 0) {
        signal(SIGTTIN, SIG_IGN);
        signal(SIGTTOU, SIG_IGN);
        setpgid(0, 0);
        if (read(s, &c, 1) != -1 || errno != EIO)
            _exit(1);
        _exit(write(s, "x", 1) != 1);
    }
    int status;
    waitpid(pid, &status, 0);
    return status ? 4 : 0;
}

TEST(the_background_must_wait)
{
    CHECK(open_master());
    CHECK_EQ(in_session(background), 0);
    close(m);
}

static int foreground_moves(int s)
{
    int status;
    pid_t pid;

    signal(SIGTTOU, SIG_IGN);
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        if (tcsetpgrp(s, getpid()) < 0)
            _exit(1);
        write(m, "hi\n", 3);
        char b[4];
        _exit(read(s, b, 4) != 3);
    }
    waitpid(pid, &status, 0);
    if (status)
        return 1;
    return tcsetpgrp(s, getpgrp()) < 0 ? 2 : 0;
}

TEST(the_foreground_moves)
{
    CHECK(open_master());
    CHECK_EQ(in_session(foreground_moves), 0);
    close(m);
}

TEST(a_hangup_is_heard)
{
    int status, p[2];
    char c;

    CHECK(open_master());
    CHECK(pipe(p) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (open(name, O_RDWR) < 0 || write(p[1], "x", 1) != 1)
            _exit(1);
        close(m);
        for (;;)
            pause();
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    close(m);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGHUP);
    close(p[0]);
    close(p[1]);
}

MAIN
