/* SPDX-License-Identifier: Apache-2.0 */
/* covers: timerfd_settime, timerfd_gettime */
#include <fcntl.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "tests/guest/lib.h"

static void *volatile bad = (void *)8;

static short ready(int fd, int ms)
{
    struct pollfd p = { fd, POLLIN, 0 };
    return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

TEST(arguments_are_checked)
{
    struct itimerspec it = { .it_value.tv_nsec = 1000000000 };
    int f;

    CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    f = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK(f >= 0);
    CHECK_EQ(fcntl(f, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(timerfd_settime(f, 0, &it, NULL), EINVAL);
    it.it_value.tv_nsec = 1;
    CHECK_ERRNO(timerfd_settime(f, 16, &it, NULL), EINVAL);
    CHECK_ERRNO(timerfd_settime(0, 0, &it, NULL), EINVAL);
    CHECK_ERRNO(timerfd_settime(99, 0, &it, NULL), EBADF);
    CHECK_ERRNO(timerfd_settime(f, 0, bad, NULL), EFAULT);
    CHECK_ERRNO(timerfd_gettime(f, bad), EFAULT);
    CHECK_ERRNO(write(f, &it, 8), EINVAL);
    close(f);
}

TEST(it_fires_once)
{
    struct itimerspec it = { .it_value = { 1000, 10000000 } }, left;
    uint64_t n;
    int f = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    CHECK(timerfd_settime(f, 0, &it, NULL) == 0);
    CHECK_ERRNO(read(f, &n, 8), EAGAIN);
    CHECK_ERRNO(read(f, &n, 4), EINVAL);
    CHECK(timerfd_gettime(f, &left) == 0);
    CHECK(left.it_value.tv_sec >= 900 && left.it_value.tv_sec <= 1000);
    CHECK(left.it_value.tv_sec < 1000 || left.it_value.tv_nsec <= 10000000);
    CHECK(left.it_interval.tv_sec == 0 && left.it_interval.tv_nsec == 0);
    it.it_value.tv_sec = 0;
    CHECK(timerfd_settime(f, 0, &it, NULL) == 0);
    CHECK_EQ(ready(f, 30000), POLLIN);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK_EQ(n, 1);
    CHECK_EQ(ready(f, 0), 0);
    CHECK(timerfd_gettime(f, &left) == 0);
    CHECK(left.it_value.tv_nsec == 0);
    close(f);
}

TEST(intervals_are_counted)
{
    struct itimerspec it = { .it_value.tv_nsec = 5000000, .it_interval.tv_nsec = 5000000 }, old;
    uint64_t n = 0;
    int f = timerfd_create(CLOCK_MONOTONIC, 0);

    CHECK(timerfd_settime(f, 0, &it, NULL) == 0);
    usleep(52000);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK(n >= 10);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK(n >= 1);
    it = (struct itimerspec){ .it_value.tv_sec = 0 };
    CHECK(timerfd_settime(f, 0, &it, &old) == 0);
    CHECK_EQ(old.it_interval.tv_nsec, 5000000);
    CHECK_EQ(ready(f, 20), 0);
    close(f);
}

TEST(a_time_may_be_absolute)
{
    struct itimerspec it = { .it_value.tv_sec = 0 };
    uint64_t n;

    for (int clock = CLOCK_REALTIME; clock <= CLOCK_MONOTONIC; clock++) {
        int f = timerfd_create(clock, 0);
        CHECK(clock_gettime(clock, &it.it_value) == 0);
        it.it_value.tv_nsec += 10000000;
        it.it_value.tv_sec += it.it_value.tv_nsec / 1000000000;
        it.it_value.tv_nsec %= 1000000000;
        CHECK(timerfd_settime(f, TFD_TIMER_ABSTIME, &it, NULL) == 0);
        CHECK_EQ(read(f, &n, 8), 8);
        CHECK_EQ(n, 1);
        /* What has passed already fires at once. */
        CHECK(timerfd_settime(f, TFD_TIMER_ABSTIME, &it, NULL) == 0);
        CHECK_EQ(ready(f, 30000), POLLIN);
        close(f);
    }
}

MAIN
