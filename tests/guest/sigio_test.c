/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of files: O_ASYNC, F_SETOWN, F_SETSIG of fcntl(2); FIOASYNC, FIOSETOWN of ioctl(2). */
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/guest/child.h"

#define SOME SIGRTMIN

static sigset_t all;
static int s[2], p[2];

/* All that is sent waits until it is asked for. */
static bool start(void)
{
    static const struct timespec none = { 0, 0 };

    sigemptyset(&all);
    sigaddset(&all, SIGIO);
    sigaddset(&all, SIGCHLD);
    sigaddset(&all, SOME);
    while (sigtimedwait(&all, NULL, &none) > 0)
        ;
    return sigprocmask(SIG_BLOCK, &all, NULL) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 &&
           pipe(p) == 0;
}

static void stop(void)
{
    for (int i = 0; i < 2; i++)
        close(s[i]), close(p[i]);
}

/* The next signal; 0 where none comes within five seconds. */
static int next(siginfo_t *si)
{
    static const struct timespec long_enough = { 5, 0 };
    int sig = sigtimedwait(&all, si, &long_enough);

    return sig < 0 ? 0 : sig;
}

/* Nothing comes: what would have come is here before what we send ourselves a little later. */
static bool is_quiet(void)
{
    static const struct timespec a_little = { 0, 20000000 };

    return sigtimedwait(&all, NULL, &a_little) < 0;
}

/* Turns it on for a file of ours. */
static bool turn_on(int fd, int sig)
{
    return fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_SETSIG, sig) == 0 &&
           fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0;
}

TEST(a_socket_tells_what_came)
{
    siginfo_t si;

    CHECK(start());
    CHECK(turn_on(s[0], 0));
    CHECK(fcntl(s[0], F_GETFL) & O_ASYNC);
    CHECK(!(fcntl(s[1], F_GETFL) & O_ASYNC));
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(next(&si), SIGIO);
    CHECK_EQ(si.si_code, SI_KERNEL);
    CHECK_EQ(si.si_pid, 0);
    CHECK_EQ(si.si_uid, 0);
    CHECK_EQ(write(s[0], "x", 1), 1); /* what we do ourselves is no news */
    CHECK(is_quiet());
    stop();
}

TEST(a_signal_that_was_chosen_says_more)
{
    siginfo_t si;

    CHECK(start());
    CHECK(turn_on(s[0], SOME));
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_IN);
    CHECK_EQ(si.si_fd, s[0]);
    CHECK_EQ(si.si_band, POLLIN | POLLRDNORM);
    CHECK(fcntl(s[0], F_SETSIG, SIGCHLD) == 0); /* whose own codes mean something else */
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(next(&si), SIGCHLD);
    CHECK_EQ(si.si_code, SI_SIGIO);
    CHECK_EQ(si.si_fd, s[0]);
    CHECK(fcntl(s[0], F_SETSIG, SIGIO) == 0);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(next(&si), SIGIO);
    CHECK_EQ(si.si_code, POLL_IN);
    stop();
}

TEST(it_ends_when_it_is_turned_off)
{
    CHECK(start());
    CHECK(turn_on(s[0], 0));
    CHECK(fcntl(s[0], F_SETFL, 0) == 0);
    CHECK(!(fcntl(s[0], F_GETFL) & O_ASYNC));
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK(is_quiet());
    CHECK(turn_on(s[0], 0));
    CHECK(fcntl(s[0], F_SETOWN, 0) == 0); /* nobody */
    CHECK_EQ(fcntl(s[0], F_GETOWN), 0);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK(is_quiet());
    stop();
}

TEST(a_peer_that_goes_is_told_of)
{
    siginfo_t si;

    CHECK(start());
    CHECK(turn_on(s[0], SOME));
    close(s[1]);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_HUP);
    CHECK_EQ(si.si_band, POLLHUP | POLLERR);
    CHECK(turn_on(p[0], SOME));
    close(p[1]);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_IN);
    CHECK_EQ(si.si_fd, p[0]);
    CHECK(is_quiet());
    close(s[0]), close(p[0]);
}

TEST(pipes_tell_both_their_ends)
{
    static char many[65536];
    siginfo_t si;

    CHECK(start());
    CHECK(turn_on(p[0], SOME) && turn_on(p[1], SOME));
    CHECK(fcntl(p[1], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
    CHECK_EQ(write(p[1], many, sizeof many), sizeof many);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_IN);
    CHECK_EQ(si.si_fd, p[0]);
    while (!is_quiet()) /* one for each page, or one for all */
        ;
    CHECK(fcntl(p[0], F_SETFL, 0) == 0); /* else Linux tells it of writes that fail */
    CHECK_ERRNO(write(p[1], "x", 1), EAGAIN);
    CHECK_EQ(read(p[0], many, sizeof many), sizeof many);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_OUT);
    CHECK_EQ(si.si_fd, p[1]);
    CHECK_EQ(si.si_band, POLLOUT | POLLWRNORM | POLLWRBAND);
    stop();
}

TEST(a_full_socket_tells_when_there_is_room)
{
    static char many[65536];
    siginfo_t si;
    ssize_t n;

    CHECK(start());
    CHECK(turn_on(s[0], SOME));
    CHECK(fcntl(s[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
    while (write(s[0], many, sizeof many) > 0)
        ;
    CHECK_EQ(errno, EAGAIN);
    CHECK(is_quiet());
    do
        n = recv(s[1], many, sizeof many, MSG_DONTWAIT);
    while (n > 0);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_OUT);
    CHECK_EQ(si.si_fd, s[0]);
    stop();
}

TEST(other_kinds_of_files)
{
    siginfo_t si;
    int on = 1, i = inotify_init(), e = eventfd(0, 0);

    CHECK(start());
    CHECK(i >= 0 && inotify_add_watch(i, "/tmp", IN_CREATE) >= 0);
    CHECK(turn_on(i, SOME));
    char name[] = "/tmp/sigio.XXXXXX";
    close(mkstemp(name));
    unlink(name);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_fd, i);
    /* Some take no notice, and say so only where they are asked by ioctl(). */
    CHECK(turn_on(e, SOME));
    CHECK(!(fcntl(e, F_GETFL) & O_ASYNC));
    CHECK_ERRNO(ioctl(e, FIOASYNC, &on), ENOTTY);
    on = 0;
    CHECK_EQ(ioctl(e, FIOASYNC, &on), 0);
    close(i), close(e);
    stop();
}

TEST(terminals_tell_of_lines)
{
    siginfo_t si;
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    CHECK(start());
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    CHECK(slave >= 0 && turn_on(slave, SOME));
    CHECK_EQ(write(master, "x\n", 2), 2);
    CHECK_EQ(next(&si), SOME);
    CHECK_EQ(si.si_code, POLL_IN);
    CHECK_EQ(si.si_fd, slave);
    close(slave), close(master);
    stop();
}

static volatile bool enough;

static void *write_always(void *arg)
{
    while (!enough)
        send(__atomic_load_n(&s[1], __ATOMIC_RELAXED), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return arg;
}

/* However it meets what comes, it neither sends nor sleeps after its end. */
TEST(it_comes_and_goes_while_there_is_news)
{
    pthread_t thread;

    CHECK(start());
    enough = false;
    CHECK(pthread_create(&thread, NULL, write_always, NULL) == 0);
    for (int i = 0; i < 500; i++) {
        CHECK(turn_on(s[0], 0));
        if (i % 2)
            CHECK(fcntl(s[0], F_SETFL, 0) == 0);
        close(s[0]), close(s[1]);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    }
    enough = true;
    CHECK(pthread_join(thread, NULL) == 0);
    stop();
}

TEST(owners)
{
    struct f_owner_ex o = { 9, 9 };

    CHECK(start());
    CHECK_EQ(fcntl(s[0], F_GETOWN), 0);
    CHECK_EQ(fcntl(s[0], F_GETOWN_EX, &o), 0);
    CHECK_EQ(o.type, F_OWNER_TID);
    CHECK_EQ(o.pid, 0);
    CHECK(fcntl(s[0], F_SETOWN, -getpgrp()) == 0);
    CHECK_EQ(fcntl(s[0], F_GETOWN_EX, &o), 0);
    CHECK_EQ(o.type, F_OWNER_PGRP);
    CHECK_EQ(o.pid, getpgrp());
    o = (struct f_owner_ex){ F_OWNER_TID, gettid_raw() };
    CHECK_EQ(fcntl(s[0], F_SETOWN_EX, &o), 0);
    CHECK_EQ(fcntl(s[0], F_GETOWN), getpid());
    CHECK_ERRNO(fcntl(s[0], F_SETOWN, 4000000), ESRCH);
    CHECK_ERRNO(fcntl(s[0], F_SETOWN, -4000000), ESRCH);
    CHECK_ERRNO(fcntl(s[0], F_SETOWN, INT32_MIN), EINVAL);
    o.type = 3;
    CHECK_ERRNO(fcntl(s[0], F_SETOWN_EX, &o), EINVAL);
    CHECK_ERRNO(fcntl(s[0], F_SETOWN_EX, 8L), EFAULT);
    CHECK_ERRNO(fcntl(s[0], F_SETSIG, 65), EINVAL);
    CHECK_ERRNO(fcntl(s[0], F_SETSIG, -1), EINVAL);
    stop();
}

TEST(an_epoll_can_be_owned_and_nested)
{
    struct epoll_event event = { .events = EPOLLIN };
    int a = epoll_create1(0), b = epoll_create1(0), c = epoll_create1(0);

    CHECK(fcntl(a, F_SETOWN, getpid()) == 0 && fcntl(b, F_SETOWN, getpid()) == 0);
    CHECK_EQ(epoll_ctl(b, EPOLL_CTL_ADD, a, &event), 0);
    CHECK_EQ(epoll_ctl(c, EPOLL_CTL_ADD, b, &event), 0);
    CHECK_ERRNO(epoll_ctl(a, EPOLL_CTL_ADD, c, &event), ELOOP);
    CHECK_EQ(fcntl(a, F_GETOWN), getpid());
    close(a), close(b), close(c);
}

TEST(sockets_are_owned_by_ioctls_too)
{
    siginfo_t si;
    int pid = getpid(), got = 0, on = 1;

    CHECK(start());
    CHECK_EQ(ioctl(s[0], FIOSETOWN, &pid), 0);
    CHECK_EQ(ioctl(s[0], FIOGETOWN, &got), 0);
    CHECK_EQ(got, pid);
    pid = -getpgrp();
    CHECK_EQ(ioctl(s[0], SIOCSPGRP, &pid), 0);
    CHECK_EQ(ioctl(s[0], SIOCGPGRP, &got), 0);
    CHECK_EQ(got, pid);
    CHECK_EQ(ioctl(s[0], FIOASYNC, &on), 0);
    CHECK(fcntl(s[0], F_GETFL) & O_ASYNC);
    CHECK(fcntl(s[0], F_SETOWN, getpid()) == 0);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(next(&si), SIGIO);
    CHECK_ERRNO(ioctl(p[0], FIOSETOWN, &pid), ENOTTY);
    stop();
}

static int thread_tid;

static void *wait_in_thread(void *arg)
{
    siginfo_t si;

    __atomic_store_n(&thread_tid, gettid_raw(), __ATOMIC_SEQ_CST);
    return next(&si) == SOME ? arg : NULL;
}

TEST(a_single_thread_can_be_told)
{
    pthread_t thread;
    void *got;

    CHECK(start());
    thread_tid = 0;
    CHECK(pthread_create(&thread, NULL, wait_in_thread, s) == 0);
    while (!__atomic_load_n(&thread_tid, __ATOMIC_SEQ_CST))
        sched_yield();
    struct f_owner_ex o = { F_OWNER_TID, thread_tid };
    CHECK(turn_on(s[0], SOME));
    CHECK_EQ(fcntl(s[0], F_SETOWN_EX, &o), 0);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK(pthread_join(thread, &got) == 0 && got == s);
    while (fcntl(s[0], F_GETOWN) != 0) /* it goes a little later than it can be joined */
        sched_yield();
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK(is_quiet());
    stop();
}

static int told_in_child(void)
{
    siginfo_t si;

    REQUIRE(write(p[1], "x", 1) == 1);
    REQUIRE(next(&si) == SOME);
    REQUIRE(si.si_fd == s[0]);
    return 0;
}

TEST(a_group_of_processes_is_told)
{
    int status;
    char c;

    CHECK(start());
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        _exit(told_in_child());
    }
    CHECK_EQ(read(p[0], &c, 1), 1);
    CHECK(turn_on(s[0], SOME));
    CHECK(fcntl(s[0], F_SETOWN, -pid) == 0);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(fcntl(s[0], F_GETOWN), 0);
    stop();
}

/* Whoever set the owner must have been allowed to send it a signal. */
static int told_by_nobody(void)
{
    char c;

    REQUIRE(setresuid(54321, 54321, 54321) == 0);
    REQUIRE(fcntl(s[0], F_SETOWN, getppid()) == 0 && fcntl(s[0], F_SETFL, O_ASYNC) == 0);
    REQUIRE(write(p[1], "x", 1) == 1);
    REQUIRE(read(s[1], &c, 1) == 0); /* until the parent has looked */
    return 0;
}

TEST(not_by_who_may_not)
{
    int status;
    char c;

    CHECK(start());
    if (geteuid() == 0) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(told_by_nobody());
        CHECK_EQ(read(p[0], &c, 1), 1);
        CHECK_EQ(write(s[1], "x", 1), 1);
        CHECK(is_quiet());
        CHECK(fcntl(s[0], F_SETOWN, getpid()) == 0); /* now it is we who ask */
        CHECK_EQ(write(s[1], "x", 1), 1);
        CHECK_EQ(next(NULL), SIGIO);
        shutdown(s[0], SHUT_WR);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_EQ(status, 0);
    }
    stop();
}

MAIN
