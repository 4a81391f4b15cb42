/* SPDX-License-Identifier: Apache-2.0 */
/* clock_gettime(2), clock_getres(2), clock_settime(2), gettimeofday(2), time(2), adjtimex(2) */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>

#include "lib.h"

static long call_now(int clock)
{
    struct timespec t;

    return syscall(SYS_clock_gettime, clock, &t) ? -1 : t.tv_sec * 1000000000 + t.tv_nsec;
}

static long lib_now(int clock)
{
    struct timespec t;

    return clock_gettime(clock, &t) ? -1 : t.tv_sec * 1000000000 + t.tv_nsec;
}

TEST(every_clock_of_the_machine)
{
    for (int clock = 0; clock <= CLOCK_TAI; clock++) {
        struct timespec res;
        if (clock >= CLOCK_REALTIME_ALARM && clock <= 10) /* only where there is a clock chip */
            continue;
        CHECK(call_now(clock) >= 0);
        CHECK_EQ(syscall(SYS_clock_getres, clock, &res), 0);
        CHECK(res.tv_sec == 0 && res.tv_nsec >= 1 && res.tv_nsec <= 10000000);
        CHECK_EQ(syscall(SYS_clock_getres, clock, NULL), 0);
    }
    CHECK_ERRNO(call_now(10), EINVAL);
    CHECK_ERRNO(call_now(12), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_getres, 12, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (void *)8), EFAULT);
}

/* The library answers by itself, most of the time; both tell one story. */
TEST(library_and_call_never_go_back_against_each_other)
{
    static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };

    for (int i = 0; i < 3; i++) {
        long before = lib_now(clocks[i]);
        for (int n = 0; n < 2000; n++) {
            long now = n % 3 ? lib_now(clocks[i]) : call_now(clocks[i]);
            CHECK(now >= before);
            before = now;
        }
    }
}

static void *watch(void *arg)
{
    long before = 0;

    for (int n = 0; n < 200000; n++) {
        long now = lib_now(CLOCK_MONOTONIC);
        if (now < before)
            return (void *)1;
        before = now;
    }
    return arg;
}

TEST(it_runs_evenly_for_a_while)
{
    pthread_t threads[2];
    void *bad = NULL, *bad2 = NULL;

    pthread_create(&threads[0], NULL, watch, NULL);
    pthread_create(&threads[1], NULL, watch, NULL);
    pthread_join(threads[0], &bad);
    pthread_join(threads[1], &bad2);
    CHECK(!bad && !bad2);
}

TEST(a_sleep_is_as_long_by_every_clock)
{
    static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
                                  CLOCK_MONOTONIC_RAW };
    long before[4];

    for (int i = 0; i < 4; i++)
        before[i] = lib_now(clocks[i]);
    usleep(50000);
    for (int i = 0; i < 4; i++) {
        long took = lib_now(clocks[i]) - before[i];
        CHECK(took >= 49900000 && took < 5000000000);
    }
}

TEST(gettimeofday_and_time_agree)
{
    struct timezone zone;
    struct timeval tv;
    struct timespec ts;

    time_t t = time(NULL);
    CHECK_EQ(gettimeofday(&tv, NULL), 0);
    CHECK_EQ(clock_gettime(CLOCK_REALTIME, &ts), 0);
    CHECK(tv.tv_sec >= t && tv.tv_sec <= t + 10 && ts.tv_sec >= tv.tv_sec);
    CHECK_EQ(syscall(SYS_gettimeofday, &tv, &zone), 0);
    CHECK_EQ(syscall(SYS_gettimeofday, NULL, NULL), 0);
    CHECK_ERRNO(syscall(SYS_gettimeofday, (void *)8, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_gettimeofday, NULL, (void *)8), EFAULT);
    t = 0;
    CHECK(syscall(SYS_time, &t) == t && t >= ts.tv_sec);
    CHECK_ERRNO(syscall(SYS_time, (void *)8), EFAULT);
}

static void burn(long ns)
{
    long start = call_now(CLOCK_THREAD_CPUTIME_ID);

    while (call_now(CLOCK_THREAD_CPUTIME_ID) - start < ns)
        ;
}

TEST(processor_time_of_thread_and_process)
{
    long thread = call_now(CLOCK_THREAD_CPUTIME_ID), process = call_now(CLOCK_PROCESS_CPUTIME_ID);

    burn(10000000);
    CHECK(call_now(CLOCK_THREAD_CPUTIME_ID) >= thread + 10000000);
    CHECK(call_now(CLOCK_PROCESS_CPUTIME_ID) >= process + 10000000);
    usleep(20000);
    CHECK(call_now(CLOCK_THREAD_CPUTIME_ID) < thread + 10000000000);
}

/* ~pid << 3 | 4 for a thread | 0 all, 1 user, 2 scheduled */
static int cpu_clock(pid_t pid, int bits)
{
    return (int)(~(unsigned)pid << 3 | (unsigned)bits);
}

TEST(processor_time_by_number)
{
    clockid_t clock;
    int status;

    for (int what = 0; what < 3; what++) {
        CHECK(call_now(cpu_clock(0, what)) >= 0);
        CHECK(call_now(cpu_clock(getpid(), what)) >= 0);
        CHECK(call_now(cpu_clock(0, 4 | what)) >= 0);
        CHECK(call_now(cpu_clock(getpid(), 4 | what)) >= 0);
    }
    CHECK(call_now(cpu_clock(0, 1)) <= call_now(cpu_clock(0, 0)));
    CHECK_ERRNO(call_now(cpu_clock(0, 3)), EINVAL);
    CHECK_ERRNO(call_now(cpu_clock(0x3fffffe, 2)), EINVAL);
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    CHECK_EQ(clock_getcpuclockid(pid, &clock), 0);
    CHECK(call_now(clock) >= 0);
    CHECK_ERRNO(call_now(cpu_clock(pid, 6)), EINVAL); /* a thread of another process */
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    CHECK(clock_getcpuclockid(pid, &clock) == ESRCH || call_now(clock) == -1);
}

TEST(other_clocks_cannot_be_set_by_anybody)
{
    struct timespec t = { .tv_sec = 1 };

    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_BOOTTIME, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_settime, 12, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_settime, cpu_clock(0, 2), &t), EPERM);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, (void *)8), EFAULT);
    t.tv_nsec = -1;
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EINVAL);
}

TEST(adjtimex_reads)
{
    struct timex tx = { 0 };
    int state = adjtimex(&tx);

    CHECK(state >= TIME_OK && state <= TIME_ERROR);
    CHECK(tx.time.tv_sec >= time(NULL) - 1);
    CHECK(tx.tick > 0);
    tx.modes = 0;
    CHECK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &tx) >= 0);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_adjtimex, (void *)8), EFAULT);
}

MAIN
