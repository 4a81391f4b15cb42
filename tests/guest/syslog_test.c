/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/guest/child.h"

enum { CLOSE, OPEN, READ, READ_ALL, READ_CLEAR, CLEAR, OFF, ON, LEVEL, UNREAD, SIZE };

static long ask(int type, void *buf, int len)
{
    return syscall(SYS_syslog, type, buf, len);
}

static int as_user(void)
{
    char buf[16];

    if (geteuid() == 0)
        REQUIRE(setresuid(1000, 1000, 1000) == 0);
    REQUIRE_ERRNO(ask(READ, buf, sizeof buf), EPERM);
    REQUIRE_ERRNO(ask(CLEAR, NULL, 0), EPERM);
    REQUIRE_ERRNO(ask(LEVEL, NULL, 4), EPERM);
    REQUIRE_ERRNO(ask(UNREAD, NULL, 0), EPERM);
    return 0;
}

TEST(a_user_may_not_take_messages)
{
    CHECK_CHILD(as_user);
}

TEST(arguments_are_checked)
{
    char buf[16];

    if (geteuid() != 0)
        return;
    CHECK_EQ(ask(CLOSE, NULL, 0), 0);
    CHECK_EQ(ask(OPEN, NULL, 0), 0);
    CHECK_ERRNO(ask(READ, NULL, 16), EINVAL);
    CHECK_ERRNO(ask(READ, buf, -1), EINVAL);
    CHECK_EQ(ask(READ, buf, 0), 0);
    CHECK_ERRNO(ask(READ_ALL, NULL, 16), EINVAL);
    CHECK_ERRNO(ask(READ_ALL, buf, -1), EINVAL);
    CHECK_EQ(ask(READ_ALL, buf, 0), 0);
    CHECK_ERRNO(ask(LEVEL, NULL, 0), EINVAL);
    CHECK_ERRNO(ask(LEVEL, NULL, 9), EINVAL);
    CHECK(ask(SIZE, NULL, 0) > 0);
    CHECK_ERRNO(ask(99, NULL, 0), EINVAL);
    CHECK_ERRNO(ask(-1, NULL, 0), EINVAL);
}

MAIN
