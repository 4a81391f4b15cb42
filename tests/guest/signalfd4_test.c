/* SPDX-License-Identifier: Apache-2.0 */
/* covers: signalfd */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "tests/guest/child.h"

static sigset_t block(int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

TEST(arguments_are_checked)
{
    sigset_t set = block(SIGUSR1);

    CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
    CHECK_ERRNO(signalfd(1, &set, 0), EINVAL);
    CHECK_ERRNO(signalfd(999, &set, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, 8L, 8, 0), EFAULT);
}

TEST(signals_are_read)
{
    sigset_t set = block(SIGUSR1);
    struct signalfd_siginfo si[2];
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct pollfd p = { .fd = fd, .events = POLLIN };

    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(read(fd, si, sizeof si), EAGAIN);
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_ERRNO(read(fd, si, sizeof si[0] - 1), EINVAL);
    CHECK_EQ(read(fd, si, sizeof si), sizeof si[0]);
    CHECK_EQ(si[0].ssi_signo, SIGUSR1);
    CHECK_EQ(si[0].ssi_code, SI_USER);
    CHECK_EQ(si[0].ssi_pid, getpid());
    CHECK_ERRNO(write(fd, si, sizeof si), EINVAL);
    close(fd);
}

TEST(several_at_once)
{
    sigset_t set = block(SIGRTMIN);
    struct signalfd_siginfo si[4];
    int fd = signalfd(-1, &set, 0);

    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
    CHECK_EQ(read(fd, si, sizeof si), 3 * sizeof si[0]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(si[i].ssi_int, i);
    close(fd);
}

TEST(a_read_waits)
{
    sigset_t set = block(SIGCHLD);
    struct signalfd_siginfo si;
    int fd = signalfd(-1, &set, 0);
    pid_t pid = fork();

    if (pid == 0) {
        struct timespec ts = { 0, 20000000 };
        nanosleep(&ts, NULL);
        _exit(7);
    }
    CHECK_EQ(read(fd, &si, sizeof si), sizeof si);
    CHECK_EQ(si.ssi_signo, SIGCHLD);
    CHECK_EQ(si.ssi_code, CLD_EXITED);
    CHECK_EQ(si.ssi_pid, pid);
    CHECK_EQ(si.ssi_status, 7);
    waitpid(pid, NULL, 0);
    close(fd);
}

TEST(the_set_can_change)
{
    sigset_t set = block(SIGUSR1), other = block(SIGUSR2);
    struct signalfd_siginfo si;
    int fd = signalfd(-1, &set, SFD_NONBLOCK);

    raise(SIGUSR2);
    CHECK_ERRNO(read(fd, &si, sizeof si), EAGAIN);
    CHECK_EQ(signalfd(fd, &other, 0), fd);
    CHECK_EQ(read(fd, &si, sizeof si), sizeof si);
    CHECK_EQ(si.ssi_signo, SIGUSR2);
    close(fd);
}

TEST(epoll_sees_it)
{
    sigset_t set = block(SIGUSR1);
    int fd = signalfd(-1, &set, SFD_NONBLOCK), ep = epoll_create1(0);
    struct epoll_event ev = { .events = EPOLLIN };
    struct signalfd_siginfo si;

    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    raise(SIGUSR1);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
    CHECK_EQ(read(fd, &si, sizeof si), sizeof si);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    close(ep);
    close(fd);
}

MAIN
