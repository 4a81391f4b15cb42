/* SPDX-License-Identifier: Apache-2.0 */
/* covers: getsid, getpgrp, getpgid */
#include "tests/guest/child.h"

static int new_session(void)
{
    pid_t me = getpid();

    REQUIRE(setsid() == me);
    REQUIRE(getsid(0) == me && getpgrp() == me && getpgid(me) == me);
    REQUIRE_ERRNO(setsid(), EPERM);
    REQUIRE_ERRNO(setpgid(0, 0), EPERM);
    return 0;
}

TEST(a_session_is_made)
{
    CHECK_CHILD(new_session);
}

static int leads_a_group(void)
{
    REQUIRE(setpgid(0, 0) == 0);
    REQUIRE_ERRNO(setsid(), EPERM);
    return 0;
}

TEST(a_group_leader_may_not)
{
    CHECK_CHILD(leads_a_group);
}

static int inherits(void)
{
    REQUIRE(getsid(0) == getsid(getppid()));
    REQUIRE(getpgrp() == getpgid(getppid()));
    return 0;
}

TEST(children_are_in_it)
{
    CHECK_CHILD(inherits);
}

TEST(others)
{
    CHECK_ERRNO(getsid(999999), ESRCH);
    CHECK_ERRNO(getpgid(999999), ESRCH);
    CHECK_ERRNO(getsid(-1), ESRCH);
}

MAIN
