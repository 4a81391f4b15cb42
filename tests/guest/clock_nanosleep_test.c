/* SPDX-License-Identifier: Apache-2.0 */
/* clock_nanosleep(2) */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/guest/asleep.h"

static long sleep_on(int clock, int flags, const struct timespec *t, struct timespec *left)
{
    return syscall(SYS_clock_nanosleep, clock, flags, t, left);
}

static bool is_past(clockid_t clock, const struct timespec *t)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec > t->tv_sec || (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

TEST(until_a_time_on_each_clock)
{
    static const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI };

    for (int i = 0; i < 4; i++) {
        struct timespec t = in_ms(clocks[i], 10);
        CHECK_EQ(sleep_on(clocks[i], TIMER_ABSTIME, &t, NULL), 0);
        CHECK(is_past(clocks[i], &t));
        CHECK_EQ(sleep_on(clocks[i], TIMER_ABSTIME, &t, NULL), 0);
        t = (struct timespec){ .tv_nsec = 1000000 };
        CHECK_EQ(sleep_on(clocks[i], 0, &t, NULL), 0);
    }
}

TEST(clocks_that_one_cannot_sleep_on)
{
    struct timespec t = { .tv_nsec = 1 };

    CHECK_ERRNO(sleep_on(CLOCK_MONOTONIC_RAW, 0, &t, NULL), EOPNOTSUPP);
    CHECK_ERRNO(sleep_on(CLOCK_MONOTONIC_COARSE, 0, &t, NULL), EOPNOTSUPP);
    CHECK_ERRNO(sleep_on(CLOCK_REALTIME_COARSE, 0, &t, NULL), EOPNOTSUPP);
    CHECK_ERRNO(sleep_on(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EOPNOTSUPP);
    CHECK_ERRNO(sleep_on(77, 0, &t, NULL), EINVAL);
    t.tv_nsec = 1000000000;
    CHECK_ERRNO(sleep_on(CLOCK_MONOTONIC, 0, &t, NULL), EINVAL);
    CHECK_ERRNO(sleep_on(CLOCK_MONOTONIC, 0, (void *)8, NULL), EFAULT);
}

static void on_signal(int sig)
{
    (void)sig;
}

static pid_t alarm_when_asleep(void)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    sigaction(SIGALRM, &sa, NULL);
    return signal_when_asleep(SIGALRM);
}

TEST(a_handler_ends_it)
{
    struct timespec t = { .tv_sec = 1000 }, left = { 0 };

    pid_t pid = alarm_when_asleep();
    CHECK_ERRNO(sleep_on(CLOCK_BOOTTIME, 0, &t, &left), EINTR);
    CHECK(left.tv_sec >= 900 && left.tv_sec <= 999);
    CHECK(has_signalled(pid));
    t = in_ms(CLOCK_MONOTONIC, 1000000);
    left = (struct timespec){ .tv_sec = 77 };
    pid = alarm_when_asleep();
    CHECK_ERRNO(sleep_on(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &left), EINTR);
    CHECK_EQ(left.tv_sec, 77);
    CHECK(has_signalled(pid));
}

static _Atomic int stop;

static void *burn(void *arg)
{
    (void)arg;
    while (!stop)
        ;
    return NULL;
}

TEST(on_processor_time)
{
    struct timespec t = { .tv_nsec = 30000000 }, before, after;
    pthread_t thread;

    stop = 0;
    pthread_create(&thread, NULL, burn, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    long r = sleep_on(CLOCK_PROCESS_CPUTIME_ID, 0, &t, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    stop = 1;
    pthread_join(thread, NULL);
    CHECK_EQ(r, 0);
    long used = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    CHECK(used >= 30000000);
}

MAIN
