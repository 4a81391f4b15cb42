/* SPDX-License-Identifier: Apache-2.0 */
/* covers: signalfd */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/select.h>
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

/* ---- whose signals ---- */

static int inherited;

static int reads_its_own(void)
{
    struct signalfd_siginfo si;
    pid_t me = getpid(), pid = fork();

    if (pid == 0) {
        usleep(20000);
        _exit(kill(me, SIGUSR1) != 0);
    }
    REQUIRE(read(inherited, &si, sizeof si) == sizeof si);
    REQUIRE(si.ssi_signo == SIGUSR1 && (pid_t)si.ssi_pid == pid);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    return 0;
}

static int polls_its_own(void)
{
    struct pollfd p = { .fd = inherited, .events = POLLIN };
    struct timeval soon = { 10, 0 };
    fd_set in;
    pid_t me = getpid(), pid = fork();

    if (pid == 0) {
        usleep(20000);
        _exit(kill(me, SIGUSR1) != 0);
    }
    REQUIRE(poll(&p, 1, 10000) == 1 && p.revents == POLLIN);
    FD_ZERO(&in);
    FD_SET(inherited, &in);
    REQUIRE(select(inherited + 1, &in, NULL, NULL, &soon) == 1);
    REQUIRE(waitpid(pid, NULL, 0) == pid);
    return 0;
}

static int sees_nothing_of_its_parents(void)
{
    struct pollfd p = { .fd = inherited, .events = POLLIN };
    struct signalfd_siginfo si;

    REQUIRE(fcntl(inherited, F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(poll(&p, 1, 0) == 0);
    REQUIRE_ERRNO(read(inherited, &si, sizeof si), EAGAIN);
    REQUIRE(fcntl(inherited, F_SETFL, 0) == 0);
    return 0;
}

TEST(a_child_has_its_own)
{
    sigset_t set = block(SIGUSR1);
    struct signalfd_siginfo si;

    inherited = signalfd(-1, &set, 0);
    CHECK_CHILD(reads_its_own);
    CHECK_CHILD(polls_its_own);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_CHILD(sees_nothing_of_its_parents);
    CHECK_EQ(read(inherited, &si, sizeof si), sizeof si);
    close(inherited);
}

static struct gate looked;

static void *has_one_pending(void *arg)
{
    pthread_kill(pthread_self(), SIGUSR1);
    *(volatile int *)arg = 1;
    gate_pass(&looked);
    struct signalfd_siginfo si;
    return (void *)(read(inherited, &si, sizeof si) - (ssize_t)sizeof si);
}

TEST(a_thread_has_its_own)
{
    sigset_t set = block(SIGUSR1);
    struct pollfd p = { .events = POLLIN };
    struct epoll_event ev = { .events = EPOLLIN };
    int ep = epoll_create1(0);
    volatile int sent = 0;
    pthread_t t;
    void *left;

    p.fd = inherited = signalfd(-1, &set, 0);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, inherited, &ev), 0);
    CHECK_EQ(gate_open(&looked), 0);
    CHECK_EQ(pthread_create(&t, NULL, has_one_pending, (void *)&sent), 0);
    while (!sent)
        sched_yield();
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    gate_let(&looked);
    CHECK_EQ(pthread_join(t, &left), 0);
    CHECK(!left);
    close(ep);
    close(inherited);
}

/* Who waits is told of the new set. */
static void *widens(void *arg)
{
    sigset_t both;

    usleep(20000);
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    return (void *)(long)(signalfd(*(int *)arg, &both, 0) != *(int *)arg);
}

TEST(a_new_set_wakes_a_reader)
{
    sigset_t set = block(SIGUSR1);
    struct signalfd_siginfo si;
    int fd = signalfd(-1, &set, 0);
    pthread_t t;

    block(SIGUSR2);
    CHECK_EQ(kill(getpid(), SIGUSR2), 0);
    CHECK_EQ(pthread_create(&t, NULL, widens, &fd), 0);
    CHECK_EQ(read(fd, &si, sizeof si), sizeof si);
    CHECK_EQ(si.ssi_signo, SIGUSR2);
    pthread_join(t, NULL);
    close(fd);
}

MAIN
