/* SPDX-License-Identifier: Apache-2.0 */
/* covers: getrusage, times */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/times.h>

#include "tests/guest/child.h"

static long long usec(struct timeval t)
{
    return t.tv_sec * 1000000ll + t.tv_usec;
}

static long long cpu(int who)
{
    struct rusage u;

    return getrusage(who, &u) == 0 ? usec(u.ru_utime) + usec(u.ru_stime) : -1;
}

static void burn(long long us)
{
    struct timespec t;

    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    while (t.tv_sec * 1000000ll + t.tv_nsec / 1000 < us);
}

TEST(arguments_are_checked)
{
    struct rusage u;

    CHECK_ERRNO(syscall(SYS_getrusage, 2, &u), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrusage, -2, &u), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrusage, RUSAGE_SELF, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_times, 8), EFAULT);
    CHECK(syscall(SYS_times, NULL) > 0);
}

static int burns(void)
{
    burn(60000);
    return 0;
}

TEST(work_takes_time)
{
    long long before = cpu(RUSAGE_CHILDREN);

    CHECK_CHILD(burns);
    CHECK(cpu(RUSAGE_CHILDREN) - before >= 40000);
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    burn(now.tv_sec * 1000000ll + now.tv_nsec / 1000 + 60000);
    CHECK(cpu(RUSAGE_SELF) >= 40000);
    CHECK(cpu(RUSAGE_THREAD) >= 40000);
}

static void *burner(void *arg)
{
    (void)arg;
    burn(50000);
    return NULL;
}

TEST(a_thread_counts_for_its_process)
{
    long long self = cpu(RUSAGE_SELF), thread = cpu(RUSAGE_THREAD);
    pthread_t other;

    CHECK(pthread_create(&other, NULL, burner, NULL) == 0);
    pthread_join(other, NULL);
    CHECK(cpu(RUSAGE_SELF) - self >= 35000);
    CHECK(cpu(RUSAGE_THREAD) - thread < 35000);
}

TEST(times_agrees)
{
    struct tms t;
    long hz = sysconf(_SC_CLK_TCK);
    clock_t a = times(&t);

    CHECK(a != (clock_t)-1);
    CHECK_EQ(hz, 100);
    CHECK(t.tms_utime + t.tms_stime >= 4);
    CHECK(t.tms_cutime + t.tms_cstime >= 3);
    usleep(50000);
    clock_t b = times(NULL);
    CHECK(b - a >= 4 && b - a < 500);
}

TEST(memory_is_counted)
{
    struct rusage u;

    CHECK(getrusage(RUSAGE_SELF, &u) == 0);
    CHECK(u.ru_maxrss > 0);
    long before = u.ru_maxrss;
    size_t size = 16 << 20;
    char *p = malloc(size);
    memset(p, 1, size);
    CHECK(getrusage(RUSAGE_SELF, &u) == 0);
    CHECK(u.ru_maxrss >= before + 8192);
    free(p);
    CHECK(getrusage(RUSAGE_SELF, &u) == 0);
    CHECK(u.ru_maxrss >= before + 8192); /* a maximum does not go down */
    CHECK_EQ(u.ru_ixrss, 0);
    CHECK_EQ(u.ru_nswap, 0);
    CHECK_EQ(u.ru_msgsnd, 0);
    CHECK_EQ(u.ru_nsignals, 0);
}

TEST(waiting_is_a_voluntary_switch)
{
    struct rusage a, b;

    CHECK(getrusage(RUSAGE_SELF, &a) == 0);
    for (int i = 0; i < 5; i++)
        usleep(2000);
    CHECK(getrusage(RUSAGE_SELF, &b) == 0);
    CHECK(b.ru_nvcsw >= a.ru_nvcsw + 5);
}

MAIN
