/* SPDX-License-Identifier: Apache-2.0 */
/* covers: ioprio_set, ioprio_get */
#include "tests/guest/child.h"

#define NOBODY             0x3fffffff
#define PRIO(class, level) ((class) << 13 | (level))

enum { WHO_PROCESS = 1, WHO_PGRP, WHO_USER };
enum { RT = 1, BE, IDLE };

static long set(int which, int who, int prio)
{
    return syscall(SYS_ioprio_set, which, who, prio);
}

static long get(int which, int who)
{
    return syscall(SYS_ioprio_get, which, who);
}

TEST(arguments_are_checked)
{
    CHECK_ERRNO(get(0, 0), EINVAL);
    CHECK_ERRNO(get(4, 0), EINVAL);
    CHECK_ERRNO(get(WHO_PROCESS, NOBODY), ESRCH);
    CHECK_ERRNO(get(WHO_PGRP, NOBODY), ESRCH);
    CHECK_ERRNO(set(0, 0, PRIO(BE, 4)), EINVAL);
    CHECK_ERRNO(set(WHO_PROCESS, NOBODY, PRIO(BE, 4)), ESRCH);
    CHECK_ERRNO(set(WHO_PROCESS, 0, PRIO(0, 1)), EINVAL);
    CHECK_ERRNO(set(WHO_PROCESS, 0, PRIO(4, 0)), EINVAL);
}

static int kept(void)
{
    REQUIRE(set(WHO_PROCESS, 0, PRIO(BE, 6)) == 0);
    REQUIRE(get(WHO_PROCESS, 0) == PRIO(BE, 6));
    REQUIRE(get(WHO_PROCESS, getpid()) == PRIO(BE, 6));
    pid_t pid = fork();
    if (pid == 0)
        _exit(get(WHO_PROCESS, 0) != PRIO(BE, 6));
    int status = -1;
    waitpid(pid, &status, 0);
    REQUIRE(status == 0);
    REQUIRE(set(WHO_PROCESS, 0, PRIO(IDLE, 0)) == 0);
    REQUIRE(get(WHO_PROCESS, 0) == PRIO(IDLE, 0));
    if (geteuid() == 0)
        REQUIRE(setresuid(1000, 1000, 1000) == 0);
    REQUIRE_ERRNO(set(WHO_PROCESS, 0, PRIO(RT, 4)), EPERM);
    return 0;
}

TEST(it_is_kept_and_inherited)
{
    CHECK_CHILD(kept);
}

MAIN
