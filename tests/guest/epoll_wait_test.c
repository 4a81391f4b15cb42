/* SPDX-License-Identifier: Apache-2.0 */
/* covers: epoll_create, epoll_create1, epoll_ctl, epoll_pwait, epoll_pwait2 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/guest/asleep.h"

static void *volatile bad = (void *)8;

static int add(int ep, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = { events, { .u64 = data } };
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int mod(int ep, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = { events, { .u64 = data } };
    return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
}

TEST(arguments_are_checked)
{
    struct epoll_event e = { EPOLLIN, { .u64 = 1 } };
    int p[2], file = open("/etc/passwd", O_RDONLY);

    CHECK_ERRNO(syscall(SYS_epoll_create, 0), EINVAL);
    CHECK_ERRNO(epoll_create1(1), EINVAL);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    CHECK(ep >= 0);
    CHECK_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e), EBADF);
    CHECK_ERRNO(epoll_ctl(999, EPOLL_CTL_ADD, p[0], &e), EBADF);
    CHECK_ERRNO(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &e), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e), EPERM);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], bad), EFAULT);
    CHECK_ERRNO(epoll_ctl(ep, 77, p[0], &e), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), ENOENT);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], &e), ENOENT);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
    CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0);
    CHECK_ERRNO(epoll_wait(ep, &e, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(p[0], &e, 1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(999, &e, 1, 0), EBADF);
    CHECK_ERRNO(read(ep, &e, 1), EINVAL);
    close(ep);
    close(p[0]);
    close(p[1]);
    close(file);
}

TEST(level_triggered_tells_again)
{
    struct epoll_event e[4];
    int p[2], ep = epoll_create1(0);
    char c;

    CHECK(pipe(p) == 0);
    CHECK(add(ep, p[0], EPOLLIN, 42) == 0);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    CHECK_EQ(write(p[1], "ab", 2), 2);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(epoll_wait(ep, e, 4, -1), 1);
        CHECK_EQ(e[0].events, EPOLLIN);
        CHECK_EQ(e[0].data.u64, 42);
        CHECK_EQ(read(p[0], &c, 1), 1);
    }
    CHECK_EQ(epoll_wait(ep, e, 4, 10), 0);
    close(p[1]);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
    CHECK_EQ(e[0].events, EPOLLHUP);
    close(p[0]);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    close(ep);
}

TEST(edge_triggered_tells_of_news)
{
    struct epoll_event e[4];
    int p[2], ep = epoll_create1(0);

    CHECK(pipe(p) == 0);
    CHECK_EQ(write(p[1], "a", 1), 1);
    CHECK(add(ep, p[0], EPOLLIN | EPOLLET, 1) == 0);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    CHECK_EQ(write(p[1], "b", 1), 1);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    CHECK(mod(ep, p[0], EPOLLIN | EPOLLET, 2) == 0);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
    CHECK_EQ(e[0].data.u64, 2);
    close(p[0]);
    close(p[1]);
    close(ep);
}

TEST(oneshot_tells_once)
{
    struct epoll_event e[4];
    int f = eventfd(1, 0), ep = epoll_create1(0);

    CHECK(add(ep, f, EPOLLIN | EPOLLONESHOT, 1) == 0);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    uint64_t one = 1;
    CHECK_EQ(write(f, &one, 8), 8);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    CHECK(mod(ep, f, EPOLLIN | EPOLLONESHOT, 5) == 0);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 1);
    CHECK_EQ(e[0].data.u64, 5);
    close(f);
    close(ep);
}

TEST(many_are_told_in_turns)
{
    struct epoll_event e[64];
    int f[200], ep = epoll_create1(0), seen[200] = { 0 };

    for (int i = 0; i < 200; i++) {
        f[i] = eventfd(1, 0);
        CHECK(add(ep, f[i], EPOLLIN, (uint64_t)i) == 0);
    }
    for (int round = 0; round < 4; round++) {
        CHECK_EQ(epoll_wait(ep, e, 50, 0), 50);
        for (int i = 0; i < 50; i++)
            seen[e[i].data.u64]++;
    }
    for (int i = 0; i < 200; i++)
        CHECK_EQ(seen[i], 1);
    for (int i = 0; i < 200; i++)
        close(f[i]);
    CHECK_EQ(epoll_wait(ep, e, 50, 0), 0);
    close(ep);
}

TEST(a_duplicate_keeps_the_interest)
{
    struct epoll_event e[4];
    int f = eventfd(1, 0), ep = epoll_create1(0), d;

    CHECK(add(ep, f, EPOLLIN, 1) == 0);
    d = dup(f);
    CHECK(add(ep, d, EPOLLIN, 2) == 0);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 2);
    close(f);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 2);
    close(d);
    CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
    close(ep);
}

TEST(one_epoll_watches_another)
{
    struct epoll_event e[4];
    int f = eventfd(0, 0), in = epoll_create1(0), out = epoll_create1(0);
    uint64_t n = 1;

    CHECK(add(in, f, EPOLLIN, 1) == 0);
    CHECK(add(out, in, EPOLLIN, 2) == 0);
    CHECK_ERRNO(add(in, out, EPOLLIN, 3), ELOOP);
    CHECK_EQ(epoll_wait(out, e, 4, 0), 0);
    CHECK_EQ(write(f, &n, 8), 8);
    CHECK_EQ(epoll_wait(out, e, 4, 0), 1);
    CHECK_EQ(e[0].data.u64, 2);
    struct pollfd p = { in, POLLIN, 0 };
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_EQ(epoll_wait(out, e, 4, 0), 0);
    close(in);
    close(out);
    close(f);
}

TEST(five_in_a_row_and_no_more)
{
    int ep[7];

    for (int i = 0; i < 7; i++)
        ep[i] = epoll_create1(0);
    for (int i = 0; i < 4; i++)
        CHECK(add(ep[i], ep[i + 1], EPOLLIN, 0) == 0);
    CHECK_ERRNO(add(ep[4], ep[5], EPOLLIN, 0), ELOOP);
    CHECK_ERRNO(add(ep[4], ep[0], EPOLLIN, 0), ELOOP);
    for (int i = 0; i < 7; i++)
        close(ep[i]);
}

TEST(exclusive_is_checked)
{
    struct epoll_event e[2];
    int f = eventfd(0, 0), ep = epoll_create1(0), other = epoll_create1(0);

    CHECK_ERRNO(add(ep, f, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0), EINVAL);
    CHECK_ERRNO(add(ep, other, EPOLLIN | EPOLLEXCLUSIVE, 0), EINVAL);
    CHECK(add(ep, f, EPOLLIN | EPOLLEXCLUSIVE, 0) == 0);
    CHECK_ERRNO(mod(ep, f, EPOLLIN, 0), EINVAL);
    CHECK(add(other, f, EPOLLIN, 0) == 0);
    CHECK_ERRNO(mod(other, f, EPOLLIN | EPOLLEXCLUSIVE, 0), EINVAL);
    uint64_t n = 1;
    CHECK_EQ(write(f, &n, 8), 8);
    CHECK_EQ(epoll_wait(ep, e, 2, 0), 1);
    close(f);
    close(ep);
    close(other);
}

TEST(a_bad_buffer_loses_nothing)
{
    struct epoll_event e[2];
    int f = eventfd(1, 0), ep = epoll_create1(0);

    CHECK(add(ep, f, EPOLLIN | EPOLLET, 0) == 0);
    CHECK_ERRNO(epoll_wait(ep, bad, 2, 0), EFAULT);
    CHECK_EQ(epoll_wait(ep, e, 2, 0), 1);
    close(f);
    close(ep);
}

static int shared_ep;
static void *waiter(void *arg)
{
    struct epoll_event e;
    (void)arg;
    long n = epoll_wait(shared_ep, &e, 1, 5000);
    return (void *)(n == 1 ? (long)e.data.u64 : -1);
}

TEST(each_event_wakes_a_thread)
{
    pthread_t t[4];
    int f[4];
    long sum = 0;

    shared_ep = epoll_create1(0);
    for (int i = 0; i < 4; i++) {
        f[i] = eventfd(0, 0);
        CHECK(add(shared_ep, f[i], EPOLLIN | EPOLLONESHOT, 1 << i) == 0);
        CHECK(pthread_create(&t[i], NULL, waiter, NULL) == 0);
    }
    usleep(20000);
    for (int i = 0; i < 4; i++) {
        uint64_t n = 1;
        CHECK_EQ(write(f[i], &n, 8), 8);
    }
    for (int i = 0; i < 4; i++) {
        void *r;
        CHECK(pthread_join(t[i], &r) == 0);
        sum += (long)r;
    }
    CHECK_EQ(sum, 15);
    for (int i = 0; i < 4; i++)
        close(f[i]);
    close(shared_ep);
}

static volatile sig_atomic_t signals;
static void on_signal(int sig)
{
    (void)sig;
    signals++;
}

TEST(a_signal_interrupts_it_always)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct epoll_event e;
    int ep = epoll_create1(0);
    sigset_t block, none;

    sigaction(SIGALRM, &sa, NULL);
    pid_t pid = signal_when_asleep(SIGALRM);
    CHECK_ERRNO(epoll_wait(ep, &e, 1, 30000), EINTR);
    CHECK_EQ(signals, 1);
    CHECK(has_signalled(pid));
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGALRM);
    CHECK_ERRNO(epoll_pwait(ep, &e, 1, 5000, &none), EINTR);
    CHECK_EQ(signals, 2);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    struct timespec ts = { 0, 1000000 };
    CHECK_EQ(syscall(SYS_epoll_pwait2, ep, &e, 1, &ts, NULL, 8), 0);
    close(ep);
}

TEST(sockets_tell_of_both_ways)
{
    struct epoll_event e[2];
    int s[2], ep = epoll_create1(0);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(add(ep, s[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 0) == 0);
    CHECK_EQ(epoll_wait(ep, e, 2, 0), 1);
    CHECK_EQ(e[0].events, EPOLLOUT);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(epoll_wait(ep, e, 2, 0), 1);
    CHECK_EQ(e[0].events, EPOLLIN | EPOLLOUT);
    CHECK(shutdown(s[1], SHUT_WR) == 0);
    CHECK_EQ(epoll_wait(ep, e, 2, 0), 1);
    CHECK_EQ(e[0].events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    close(s[1]);
    CHECK_EQ(epoll_wait(ep, e, 2, 0), 1);
    CHECK_EQ(e[0].events, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
    close(s[0]);
    close(ep);
}

MAIN
