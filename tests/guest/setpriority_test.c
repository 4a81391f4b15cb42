/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Niceness and I/O priorities.
 * covers: getpriority, ioprio_set, ioprio_get
 */
#include <linux/ioprio.h>
#include <sys/resource.h>

#include "tests/guest/child.h"

static int nicer(void)
{
    REQUIRE(setpriority(PRIO_PROCESS, 0, 5) == 0);
    errno = 0;
    REQUIRE(getpriority(PRIO_PROCESS, 0) == 5 && errno == 0);
    REQUIRE(syscall(SYS_getpriority, PRIO_PROCESS, 0) == 15);
    REQUIRE(setpriority(PRIO_PROCESS, 0, 100) == 0);
    REQUIRE(getpriority(PRIO_PROCESS, 0) == 19);
    if (geteuid() != 0)
        REQUIRE_ERRNO(setpriority(PRIO_PROCESS, 0, 0), EACCES);
    REQUIRE(setpgid(0, 0) == 0);
    REQUIRE(getpriority(PRIO_PGRP, 0) == 19);
    return 0;
}

TEST(niceness)
{
    CHECK_CHILD(nicer);
}

static int loses_rights(void)
{
    if (geteuid() != 0)
        return 0;
    struct rlimit r = { 0, 0 };
    REQUIRE(setrlimit(RLIMIT_NICE, &r) == 0);
    REQUIRE(setuid(1234) == 0);
    REQUIRE(setpriority(PRIO_PROCESS, 0, 10) == 0);
    REQUIRE_ERRNO(setpriority(PRIO_PROCESS, 0, 9), EACCES);
    REQUIRE_ERRNO(setpriority(PRIO_PROCESS, getppid(), 10), EPERM);
    return 0;
}

TEST(it_only_gets_worse)
{
    CHECK_CHILD(loses_rights);
}

TEST(errors)
{
    CHECK_ERRNO(getpriority(9, 0), EINVAL);
    CHECK_ERRNO(setpriority(9, 0, 0), EINVAL);
    CHECK_ERRNO(getpriority(PRIO_PROCESS, 999999), ESRCH);
    CHECK_ERRNO(getpriority(PRIO_PGRP, 999999), ESRCH);
    CHECK_ERRNO(setpriority(PRIO_USER, 999999, 0), ESRCH);
}

static int io(void)
{
    int best_effort = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6);

    REQUIRE(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, best_effort) == 0);
    REQUIRE(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) == best_effort);
    REQUIRE_ERRNO(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 1), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_ioprio_set, 9, 0, best_effort), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 5 << 13), EINVAL);
    REQUIRE_ERRNO(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 999999), ESRCH);
    REQUIRE_ERRNO(syscall(SYS_ioprio_get, 9, 0), EINVAL);
    return 0;
}

TEST(io_priority)
{
    CHECK_CHILD(io);
}

MAIN
