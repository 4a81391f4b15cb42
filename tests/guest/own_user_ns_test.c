/* SPDX-License-Identifier: Apache-2.0 */
/* A user namespace of one's own gives all capabilities in it, and none over those outside. */
#include <sched.h>
#include <sys/stat.h>

#include "tests/guest/child.h"

#define PRIO_BE_4 (2 << 13 | 4)

static pid_t outside;
static int bare = -1; /* a file that root has opened */
static char name[] = "/tmp/own_user_ns.XXXXXX", other[64];

static int is_powerless(void)
{
    char slack[64];

    REQUIRE(become_user(1000) == 0);
    if (unshare(CLONE_NEWUSER) < 0)
        return 0; /* this host lets only root do that */
    REQUIRE(map_itself(1000) == 0);
    REQUIRE_ERRNO(syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, outside, PRIO_BE_4), EPERM);
    snprintf(slack, sizeof slack, "/proc/%d/timerslack_ns", outside);
    REQUIRE_ERRNO(write_to(slack, "60000"), EPERM);
    REQUIRE_ERRNO(linkat(bare, "", AT_FDCWD, other, AT_EMPTY_PATH), ENOENT);
    return 0;
}

TEST(over_others_it_has_none)
{
    if (geteuid() != 0)
        return;
    outside = getpid();
    bare = mkstemp(name);
    snprintf(other, sizeof other, "%s.2", name);
    CHECK(bare >= 0);
    CHECK_CHILD(is_powerless);
    CHECK(unlink(name) == 0);
    CHECK_ERRNO(unlink(other), ENOENT);
    close(bare);
}

MAIN
