/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "tests/guest/child.h"

static struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
static struct __user_cap_data_struct data[2];

static long get(void)
{
    return syscall(SYS_capget, &head, data);
}

static long set(void)
{
    return syscall(SYS_capset, &head, data);
}

TEST(versions)
{
    struct __user_cap_header_struct h = { .version = 0x12345678 };

    CHECK_ERRNO(syscall(SYS_capget, &h, data), EINVAL);
    CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
    h.version = 0;
    CHECK_EQ(syscall(SYS_capget, &h, NULL), 0);
    h = (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3, .pid = -1 };
    CHECK_ERRNO(syscall(SYS_capget, &h, data), EINVAL);
    h.pid = 999999;
    CHECK_ERRNO(syscall(SYS_capget, &h, data), ESRCH);
    CHECK_ERRNO(syscall(SYS_capget, 8L, data), EFAULT);
    h.pid = 1;
    if (getpid() != 1)
        CHECK_ERRNO(syscall(SYS_capset, &h, data), EPERM);
}

static int drops(void)
{
    REQUIRE(get() == 0);
    struct __user_cap_data_struct had = data[0];
    REQUIRE(had.permitted & 1u << CAP_KILL);
    data[0].effective &= ~(1u << CAP_KILL);
    REQUIRE(set() == 0);
    REQUIRE(get() == 0 && !(data[0].effective & 1u << CAP_KILL));
    data[0].effective |= 1u << CAP_KILL;
    REQUIRE(set() == 0); /* it is permitted still */
    data[0].effective &= ~(1u << CAP_KILL);
    data[0].permitted &= ~(1u << CAP_KILL);
    REQUIRE(set() == 0);
    data[0].permitted = had.permitted;
    REQUIRE_ERRNO(set(), EPERM);
    REQUIRE(get() == 0);
    data[0].effective |= 1u << CAP_KILL;
    REQUIRE_ERRNO(set(), EPERM);
    return 0;
}

static int bounding(void)
{
    REQUIRE(prctl(PR_CAPBSET_READ, CAP_KILL) == 1);
    REQUIRE(prctl(PR_CAPBSET_DROP, CAP_KILL) == 0);
    REQUIRE(prctl(PR_CAPBSET_READ, CAP_KILL) == 0);
    REQUIRE_ERRNO(prctl(PR_CAPBSET_READ, 64), EINVAL);
    REQUIRE_ERRNO(prctl(PR_CAPBSET_DROP, 64), EINVAL);
    REQUIRE(get() == 0);
    data[0].inheritable |= 1u << CAP_KILL;
    REQUIRE_ERRNO(set(), EPERM); /* out of bounds */
    return 0;
}

static int ambient(void)
{
    REQUIRE(get() == 0);
    REQUIRE_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), EPERM);
    data[0].inheritable |= 1u << CAP_KILL;
    REQUIRE(set() == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 1);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
    REQUIRE_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0), EINVAL);
    REQUIRE_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0), EINVAL);
    REQUIRE_ERRNO(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0), EINVAL);
    REQUIRE_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0), EINVAL);
    return 0;
}

static int securebits(void)
{
    REQUIRE(prctl(PR_GET_SECUREBITS) == 0);
    REQUIRE_ERRNO(prctl(PR_SET_SECUREBITS, 1 << 20), EPERM);
    REQUIRE(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED) == 0);
    REQUIRE(prctl(PR_GET_KEEPCAPS) == 1);
    REQUIRE_ERRNO(prctl(PR_SET_KEEPCAPS, 0), EPERM);
    REQUIRE_ERRNO(prctl(PR_SET_SECUREBITS, 0), EPERM);
    return 0;
}

TEST(as_root)
{
    if (geteuid() != 0)
        return;
    CHECK_CHILD(drops);
    CHECK_CHILD(bounding);
    CHECK_CHILD(ambient);
    CHECK_CHILD(securebits);
}

MAIN
