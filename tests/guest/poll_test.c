/* SPDX-License-Identifier: Apache-2.0 */
/* covers: ppoll */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/guest/asleep.h"

static void *volatile bad = (void *)8;

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

TEST(bad_and_negative_descriptors)
{
    struct pollfd p[3] = {
        {500, POLLIN, 7},
        { -1, POLLIN, 7},
        { 0,  0,      7}
    };

    CHECK_EQ(poll(p, 2, -1), 1);
    CHECK_EQ(p[0].revents, POLLNVAL);
    CHECK_EQ(p[1].revents, 0);
    CHECK_ERRNO(poll(bad, 1, 0), EFAULT);
    CHECK_EQ(poll(NULL, 0, 0), 0);
}

TEST(too_many_descriptors)
{
    struct rlimit r;
    static struct pollfd p[2000];

    CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
    for (int i = 0; i < 2000; i++)
        p[i].fd = -1;
    struct rlimit small = { 1000, r.rlim_max };
    CHECK(setrlimit(RLIMIT_NOFILE, &small) == 0);
    CHECK_ERRNO(poll(p, 1001, 0), EINVAL);
    CHECK_EQ(poll(p, 1000, 0), 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
}

TEST(what_is_ready_is_counted)
{
    int a[2], b[2];

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    CHECK_EQ(write(a[1], "x", 1), 1);
    struct pollfd p[4] = {
        {a[0],  POLLIN,           0},
        { b[0], POLLIN,           0},
        { b[1], POLLOUT | POLLIN, 0},
        { a[0], 0,                0}
    };
    CHECK_EQ(poll(p, 4, -1), 2);
    CHECK_EQ(p[0].revents, POLLIN);
    CHECK_EQ(p[1].revents, 0);
    CHECK_EQ(p[2].revents, POLLOUT);
    CHECK_EQ(p[3].revents, 0);
    close(b[1]);
    p[2].fd = -1;
    CHECK_EQ(poll(p, 4, 0), 2);
    CHECK_EQ(p[1].revents, POLLHUP);
    close(a[0]);
    close(a[1]);
    close(b[0]);
}

TEST(a_timeout_passes)
{
    int p[2];
    long start = now_ms();

    CHECK(pipe(p) == 0);
    struct pollfd f = { p[0], POLLIN, 0 };
    CHECK_EQ(poll(&f, 1, 30), 0);
    CHECK(now_ms() - start >= 29);
    start = now_ms();
    CHECK_EQ(poll(NULL, 0, 20), 0);
    CHECK(now_ms() - start >= 19);
    close(p[0]);
    close(p[1]);
}

static void *write_late(void *arg)
{
    usleep(20000);
    return write(*(int *)arg, "x", 1) == 1 ? arg : NULL;
}

TEST(it_wakes_for_any_of_many)
{
    static struct pollfd f[100];
    int p[100][2];
    pthread_t t;
    void *ok;

    for (int i = 0; i < 100; i++) {
        CHECK(pipe(p[i]) == 0);
        f[i] = (struct pollfd){ p[i][0], POLLIN, 0 };
    }
    CHECK(pthread_create(&t, NULL, write_late, &p[77][1]) == 0);
    CHECK_EQ(poll(f, 100, 5000), 1);
    CHECK_EQ(f[77].revents, POLLIN);
    CHECK(pthread_join(t, &ok) == 0 && ok);
    for (int i = 0; i < 100; i++) {
        close(p[i][0]);
        close(p[i][1]);
    }
}

static volatile sig_atomic_t signals;
static void on_signal(int sig)
{
    (void)sig;
    signals++;
}

TEST(a_handler_interrupts_it)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    sigaction(SIGALRM, &sa, NULL);
    pid_t pid = signal_when_asleep(SIGALRM);
    CHECK_ERRNO(poll(NULL, 0, 30000), EINTR);
    CHECK_EQ(signals, 1);
    CHECK(has_signalled(pid));
}

static struct pollfd changed[2];

static void *change(void *fd)
{
    usleep(50000); /* it waits now */
    changed[1] = (struct pollfd){ 77, POLLOUT, 7 };
    return write(*(int *)fd, "x", 1) == 1 ? fd : NULL;
}

/* Who changes what another thread polls, and wakes it, finds the change where it was. */
TEST(only_what_came_is_written)
{
    int p[2], q[2];
    pthread_t thread;
    void *done;

    CHECK(pipe(p) == 0 && pipe(q) == 0);
    changed[0] = (struct pollfd){ p[0], POLLIN, 0 };
    changed[1] = (struct pollfd){ q[0], POLLIN, 0 };
    CHECK(pthread_create(&thread, NULL, change, &p[1]) == 0);
    CHECK_EQ(poll(changed, 2, -1), 1);
    CHECK(pthread_join(thread, &done) == 0 && done);
    CHECK_EQ(changed[0].revents, POLLIN);
    CHECK_EQ(changed[1].fd, 77);
    CHECK_EQ(changed[1].events, POLLOUT);
    CHECK_EQ(changed[1].revents, 0);
    close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

TEST(where_the_array_lies_does_not_matter)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct pollfd like[3] = {
        {500,  POLLIN, 7},
        { -1,  POLLIN, 7},
        { 501, POLLIN, 7}
    };
    static const struct pollfd expected[3] = {
        {500,  POLLIN, POLLNVAL},
        { -1,  POLLIN, 0       },
        { 501, POLLIN, POLLNVAL}
    };

    CHECK(pages != MAP_FAILED);
    for (size_t before = 0; before <= sizeof like; before++) {
        char *at = pages + 4096 - before;
        memcpy(at, like, sizeof like);
        CHECK_EQ(poll((struct pollfd *)at, 3, 0), 2);
        CHECK(memcmp(at, expected, sizeof expected) == 0);
    }
    CHECK(mprotect(pages + 4096, 4096, PROT_READ) == 0);
    CHECK_ERRNO(poll((struct pollfd *)(pages + 4096 - 16), 3, 0), EFAULT);
    CHECK_EQ(poll((struct pollfd *)(pages + 4096 - 8), 1, 0), 1);
    munmap(pages, 8192);
}

TEST(ppoll_tells_what_is_left)
{
    struct timespec ts = { 5, 0 };
    int p[2];

    CHECK(pipe(p) == 0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    struct pollfd f = { p[0], POLLIN, 0 };
    CHECK_EQ(ppoll(&f, 1, &ts, NULL), 1);
    ts = (struct timespec){ 0, 1000000000 };
    CHECK_ERRNO(ppoll(&f, 1, &ts, NULL), EINVAL);
    close(p[0]);
    close(p[1]);
}

TEST(ppoll_unblocks_for_the_wait)
{
    sigset_t block, none;
    struct timespec ts = { 5, 0 };

    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigemptyset(&none);
    signals = 0;
    CHECK(sigprocmask(SIG_BLOCK, &block, NULL) == 0);
    raise(SIGALRM);
    CHECK_EQ(signals, 0);
    CHECK_ERRNO(ppoll(NULL, 0, &ts, &none), EINTR);
    CHECK_EQ(signals, 1);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &none) == 0);
    CHECK(sigismember(&none, SIGALRM));
    CHECK(sigprocmask(SIG_UNBLOCK, &block, NULL) == 0);
}

MAIN
