/* SPDX-License-Identifier: Apache-2.0 */
/* covers: pselect6 */
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "tests/guest/lib.h"

static void *volatile bad = (void *)8;

TEST(sets_come_back_with_what_is_ready)
{
    struct timeval tv = { 1, 0 };
    int a[2], b[2];
    fd_set r, w, e;

    CHECK(pipe(a) == 0 && pipe(b) == 0);
    CHECK_EQ(write(a[1], "x", 1), 1);
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&e);
    FD_SET(a[0], &r);
    FD_SET(b[0], &r);
    FD_SET(b[1], &w);
    FD_SET(a[0], &e);
    CHECK_EQ(select(b[1] + 1, &r, &w, &e, &tv), 2);
    CHECK(FD_ISSET(a[0], &r) && !FD_ISSET(b[0], &r) && FD_ISSET(b[1], &w) && !FD_ISSET(a[0], &e));
    CHECK(tv.tv_sec == 0 && tv.tv_usec > 0);
    close(b[1]);
    FD_ZERO(&r);
    FD_SET(b[0], &r);
    CHECK_EQ(select(b[0] + 1, &r, NULL, NULL, NULL), 1);
    CHECK(FD_ISSET(b[0], &r));
    close(a[0]);
    FD_ZERO(&w);
    FD_SET(a[1], &w);
    CHECK_EQ(select(a[1] + 1, NULL, &w, NULL, NULL), 1);
    close(a[1]);
    close(b[0]);
}

TEST(errors)
{
    struct timeval tv = { 0, 0 };
    fd_set r;

    FD_ZERO(&r);
    FD_SET(900, &r);
    FD_SET(50, &r);
    CHECK_ERRNO(select(51, &r, NULL, NULL, &tv), EBADF);
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &tv), EINVAL);
    tv.tv_sec = -1;
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &tv), EINVAL);
    CHECK_ERRNO(select(1, bad, NULL, NULL, NULL), EFAULT);
    tv = (struct timeval){ 0, 1000 };
    CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
    CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
}

TEST(a_timeout_clears_the_sets)
{
    struct timeval tv = { 0, 10000 };
    int p[2];
    fd_set r;

    CHECK(pipe(p) == 0);
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &tv), 0);
    CHECK(!FD_ISSET(p[0], &r));
    close(p[0]);
    close(p[1]);
}

static volatile sig_atomic_t signals;
static void on_signal(int sig)
{
    (void)sig;
    signals++;
}

TEST(pselect_unblocks_for_the_wait)
{
    struct timespec ts = { 5, 0 };
    sigset_t block, none;

    signal(SIGUSR1, on_signal);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigemptyset(&none);
    CHECK(sigprocmask(SIG_BLOCK, &block, NULL) == 0);
    raise(SIGUSR1);
    CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
    CHECK_EQ(signals, 1);
    CHECK(sigprocmask(SIG_UNBLOCK, &block, NULL) == 0);
}

MAIN
