/* SPDX-License-Identifier: Apache-2.0 */
/*
 * covers: sched_setparam, sched_getparam, sched_setscheduler, sched_getscheduler, sched_yield,
 * covers: sched_get_priority_max, sched_get_priority_min, sched_rr_get_interval,
 * covers: sched_setattr, sched_getattr, sched_setaffinity, sched_getaffinity, getcpu
 */
#include <sched.h>

#include "tests/guest/child.h"

#define NOBODY 0x3fffffff
#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

TEST(priorities)
{
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_RR), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    CHECK_EQ(sched_get_priority_min(SCHED_OTHER), 0);
    CHECK_EQ(sched_get_priority_max(SCHED_BATCH), 0);
    CHECK_EQ(sched_get_priority_max(SCHED_IDLE), 0);
    CHECK_EQ(sched_get_priority_max(SCHED_DEADLINE), 0);
    CHECK_ERRNO(sched_get_priority_max(4), EINVAL);
    CHECK_ERRNO(sched_get_priority_max(-1), EINVAL);
    CHECK_ERRNO(sched_get_priority_min(99), EINVAL);
}

TEST(arguments_of_the_old_calls)
{
    struct sched_param p = { 0 };
    struct timespec ts;

    CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
    CHECK_ERRNO(sched_getscheduler(NOBODY), ESRCH);
    CHECK_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, 8), EFAULT);
    CHECK_ERRNO(sched_setscheduler(NOBODY, SCHED_OTHER, &p), ESRCH);
    CHECK_ERRNO(sched_setscheduler(0, -1, &p), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0, 4, &p), EINVAL);
    p.sched_priority = 1;
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
    p.sched_priority = 0;
    CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);
    p.sched_priority = 100;
    CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EINVAL);

    CHECK_ERRNO(sched_getparam(-1, &p), EINVAL);
    CHECK_ERRNO(sched_getparam(0, NULL), EINVAL);
    CHECK_ERRNO(sched_getparam(NOBODY, &p), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getparam, 0, 8), EFAULT);
    CHECK_ERRNO(sched_setparam(0, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setparam, 0, 8), EFAULT);
    p.sched_priority = 3;
    CHECK_ERRNO(sched_setparam(0, &p), EINVAL);
    p.sched_priority = 0;
    CHECK_EQ(sched_setparam(0, &p), 0);

    CHECK_ERRNO(sched_rr_get_interval(-1, &ts), EINVAL);
    CHECK_ERRNO(sched_rr_get_interval(NOBODY, &ts), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_rr_get_interval, 0, 8), EFAULT);
    CHECK_EQ(sched_rr_get_interval(0, &ts), 0);
    CHECK_EQ(ts.tv_sec, 0);
}

static int policies(void)
{
    struct sched_param p = { 0 };

    REQUIRE(sched_getscheduler(0) == SCHED_OTHER);
    REQUIRE(sched_setscheduler(0, SCHED_BATCH, &p) == 0);
    REQUIRE(sched_getscheduler(0) == SCHED_BATCH);
    REQUIRE(sched_getscheduler(getpid()) == SCHED_BATCH);
    REQUIRE(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p) == 0);
    REQUIRE(sched_getscheduler(0) == (SCHED_OTHER | SCHED_RESET_ON_FORK));
    pid_t pid = fork();
    if (pid == 0)
        _exit(sched_getscheduler(0) != SCHED_OTHER);
    int status = -1;
    waitpid(pid, &status, 0);
    REQUIRE(status == 0);
    if (geteuid() != 0) /* the flag stays, for those without CAP_SYS_NICE */
        REQUIRE_ERRNO(sched_setscheduler(0, SCHED_OTHER, &p), EPERM);
    return 0;
}

static int idle(void)
{
    struct sched_param p = { 0 };

    REQUIRE(sched_setscheduler(0, SCHED_IDLE, &p) == 0);
    REQUIRE(sched_getscheduler(0) == SCHED_IDLE);
    if (geteuid() == 0) {
        REQUIRE(sched_setscheduler(0, SCHED_OTHER, &p) == 0);
        REQUIRE(sched_setscheduler(0, SCHED_IDLE, &p) == 0);
        REQUIRE(setresuid(1000, 1000, 1000) == 0);
    }
    REQUIRE_ERRNO(sched_setscheduler(0, SCHED_OTHER, &p), EPERM); /* as if it were made nicer */
    return 0;
}

TEST(policies_are_kept)
{
    CHECK_CHILD(policies);
    CHECK_CHILD(idle);
}

TEST(attributes)
{
    struct attr a;
    char big[4096] = { 0 };

    CHECK_EQ(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0), 0);
    CHECK_EQ(a.size, sizeof a);
    CHECK_EQ(a.policy, SCHED_OTHER);
    CHECK_EQ(a.nice, 0);
    CHECK_EQ(a.priority, 0);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, 47, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, 4097, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, sizeof a, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, NULL, sizeof a, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, -1, &a, sizeof a, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, NOBODY, &a, sizeof a, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, 8, sizeof a, 0), EFAULT);
    CHECK_EQ(syscall(SYS_sched_getattr, 0, big, sizeof big, 0), 0);
    CHECK_EQ(((struct attr *)big)->size, 56);

    CHECK_EQ(syscall(SYS_sched_setattr, 0, &a, 0), 0);
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, 8, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_sched_setattr, -1, &a, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setattr, NOBODY, &a, 0), ESRCH);
    a.size = 40;
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
    CHECK_EQ(a.size, 56);
    a.size = sizeof a;
    a.flags = 1 << 20;
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
    a.flags = 0;
    a.policy = 4;
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
    memset(big, 0, sizeof big);
    *(struct attr *)big = (struct attr){ .size = 200 };
    big[199] = 1;
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, big, 0), E2BIG);
}

static int niceness(void)
{
    struct attr a = { .size = sizeof a, .nice = 5 }, b;

    REQUIRE(syscall(SYS_sched_setattr, 0, &a, 0) == 0);
    REQUIRE(syscall(SYS_sched_getattr, 0, &b, sizeof b, 0) == 0);
    REQUIRE(b.nice == 5);
    a.nice = 4;
    if (geteuid() != 0)
        REQUIRE_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EPERM);
    else
        REQUIRE(syscall(SYS_sched_setattr, 0, &a, 0) == 0);
    return 0;
}

TEST(attributes_change_niceness)
{
    CHECK_CHILD(niceness);
}

static int affinity(void)
{
    cpu_set_t set, now;
    unsigned cpu = 99, node = 99;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0);
    REQUIRE(sched_getaffinity(0, sizeof now, &now) == 0);
    REQUIRE(CPU_COUNT(&now) == 1 && CPU_ISSET(0, &now));
    REQUIRE(syscall(SYS_getcpu, &cpu, &node, NULL) == 0);
    REQUIRE(cpu == 0 && node == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(sched_getaffinity(0, sizeof now, &now) != 0 || CPU_COUNT(&now) != 1);
    int status = -1;
    waitpid(pid, &status, 0);
    REQUIRE(status == 0);
    return 0;
}

TEST(processors)
{
    cpu_set_t set;
    unsigned long word = 0;

    CHECK_CHILD(affinity);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 0, &set), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 7, &set), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 9, &set), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, NOBODY, sizeof set, &set), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, sizeof set, 8), EFAULT);
    CHECK_EQ(syscall(SYS_sched_getaffinity, 0, 8, &word), 8);
    CHECK(word & 1);
    CHECK_ERRNO(syscall(SYS_sched_setaffinity, 0, sizeof set, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_sched_setaffinity, NOBODY, 8, &word), ESRCH);
    word = 0;
    CHECK_ERRNO(syscall(SYS_sched_setaffinity, 0, 8, &word), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setaffinity, 0, 0, &word), EINVAL);
    CHECK_ERRNO(syscall(SYS_getcpu, 8, NULL, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_getcpu, NULL, 8, NULL), EFAULT);
    CHECK_EQ(syscall(SYS_getcpu, NULL, NULL, NULL), 0);
    CHECK_EQ(sched_yield(), 0);
}

static int another_user(void)
{
    struct sched_param p = { 0 };
    cpu_set_t set;

    if (geteuid() != 0)
        return 0;
    pid_t root = getppid();
    REQUIRE(setresuid(1000, 1000, 1000) == 0);
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    REQUIRE_ERRNO(sched_setscheduler(root, SCHED_BATCH, &p), EPERM);
    REQUIRE_ERRNO(sched_setaffinity(root, sizeof set, &set), EPERM);
    REQUIRE(sched_getscheduler(root) == SCHED_OTHER);
    p.sched_priority = 5;
    REQUIRE_ERRNO(sched_setscheduler(0, SCHED_FIFO, &p), EPERM);
    return 0;
}

TEST(of_another_user)
{
    CHECK_CHILD(another_user);
}

MAIN
