/* SPDX-License-Identifier: Apache-2.0 */
/* covers: settimeofday, gettimeofday, time, clock_settime, adjtimex, clock_adjtime, clock_getres */
#include <sys/time.h>
#include <sys/timex.h>

#include "tests/guest/child.h"

static int as_user(void)
{
    struct timeval tv = { 1000000000, 0 };
    struct timespec ts = { 1000000000, 0 };
    struct timex tx = { .modes = ADJ_FREQUENCY };

    if (geteuid() == 0)
        REQUIRE(setresuid(1000, 1000, 1000) == 0);
    REQUIRE_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EPERM);
    REQUIRE_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EPERM);
    REQUIRE_ERRNO(syscall(SYS_adjtimex, &tx), EPERM);
    REQUIRE_ERRNO(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &tx), EPERM);
    return 0;
}

TEST(a_user_sets_no_clock)
{
    CHECK_CHILD(as_user);
}

TEST(arguments_are_checked)
{
    struct timespec ts = { 0, 1000000000 };
    struct timeval tv = { 0, 1000000 };
    struct timex tx = { 0 };

    CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
    tv.tv_usec = -1;
    CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_settimeofday, 8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_settimeofday, NULL, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_gettimeofday, 8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_gettimeofday, NULL, 8), EFAULT);
    CHECK_EQ(syscall(SYS_gettimeofday, NULL, NULL), 0);
    CHECK_ERRNO(syscall(SYS_time, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_settime, 99, &ts), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_getres, 99, &ts), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_getres, CLOCK_REALTIME, 8), EFAULT);
    CHECK_EQ(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL), 0);
    CHECK_ERRNO(syscall(SYS_adjtimex, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, 99, &tx), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
}

TEST(resolution)
{
    struct timespec ts;

    CHECK_EQ(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts), 0);
    CHECK(ts.tv_sec == 0 && ts.tv_nsec == 1);
    CHECK_EQ(syscall(SYS_clock_getres, CLOCK_REALTIME_COARSE, &ts), 0);
    CHECK(ts.tv_sec == 0 && ts.tv_nsec >= 1000000);
    CHECK_EQ(syscall(SYS_clock_getres, CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
    CHECK(ts.tv_sec == 0 && ts.tv_nsec == 1);
}

TEST(three_calls_agree)
{
    struct timeval tv;
    struct timespec ts;
    struct timex tx = { 0 };
    time_t t;

    CHECK_EQ(syscall(SYS_gettimeofday, &tv, NULL), 0);
    long now = syscall(SYS_time, &t);
    CHECK_EQ(now, t);
    CHECK(now - tv.tv_sec <= 10 && tv.tv_sec - now <= 1);
    CHECK_EQ(clock_gettime(CLOCK_REALTIME, &ts), 0);
    CHECK(ts.tv_sec - tv.tv_sec <= 10);
    CHECK(syscall(SYS_adjtimex, &tx) >= 0);
    CHECK(tx.time.tv_sec - tv.tv_sec <= 10 && tx.time.tv_sec >= tv.tv_sec);
    CHECK(tx.tick >= 9000 && tx.tick <= 11000);
}

MAIN
