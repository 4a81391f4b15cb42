/* SPDX-License-Identifier: Apache-2.0 */
/* covers: capget, capset */
#include <linux/capability.h>
#include <sys/prctl.h>

#include "tests/guest/child.h"

struct caps {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2];
};

static long get(struct caps *c, int pid)
{
    c->header = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, pid };
    return syscall(SYS_capget, &c->header, c->data);
}

static long set(struct caps *c)
{
    c->header = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, 0 };
    return syscall(SYS_capset, &c->header, c->data);
}

TEST(the_version_is_checked_and_told)
{
    struct caps c = {
        .header = {0, 0}
    };

    /* With no place for the data this is how one asks for the version. */
    CHECK_EQ(syscall(SYS_capget, &c.header, NULL), 0);
    CHECK_EQ(c.header.version, _LINUX_CAPABILITY_VERSION_3);
    c.header.version = 0;
    CHECK_ERRNO(syscall(SYS_capget, &c.header, c.data), EINVAL);
    CHECK_EQ(c.header.version, _LINUX_CAPABILITY_VERSION_3);
    c.header.version = 1;
    CHECK_ERRNO(syscall(SYS_capset, &c.header, c.data), EINVAL);
    CHECK_EQ(c.header.version, _LINUX_CAPABILITY_VERSION_3);
}

TEST(addresses_are_checked)
{
    struct caps c = {
        .header = {_LINUX_CAPABILITY_VERSION_3, 0}
    };

    CHECK_ERRNO(syscall(SYS_capget, NULL, c.data), EFAULT);
    CHECK_ERRNO(syscall(SYS_capset, NULL, c.data), EFAULT);
    CHECK_ERRNO(syscall(SYS_capget, &c.header, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_capset, &c.header, 8), EFAULT);
    CHECK_EQ(syscall(SYS_capget, &c.header, NULL), 0);
}

TEST(another_process)
{
    struct caps mine, other;
    struct gate g;

    CHECK(gate_open(&g) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        gate_pass(&g);
        _exit(0);
    }
    CHECK(get(&mine, 0) == 0);
    CHECK(get(&other, pid) == 0);
    CHECK(memcmp(mine.data, other.data, sizeof mine.data) == 0);
    CHECK(get(&other, getpid()) == 0);
    CHECK_ERRNO(get(&other, -1), EINVAL);
    CHECK_ERRNO(get(&other, 0x3fffffff), ESRCH);
    other = mine;
    other.header = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, pid };
    CHECK_ERRNO(syscall(SYS_capset, &other.header, other.data), EPERM);
    gate_let(&g);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static int version_one(void)
{
    struct caps c = {
        .header = {_LINUX_CAPABILITY_VERSION_1, 0},
          .data[1] = { 1,                          2, 3 }
    };
    struct caps full;

    REQUIRE(get(&full, 0) == 0);
    REQUIRE(syscall(SYS_capget, &c.header, c.data) == 0);
    REQUIRE(c.data[0].permitted == full.data[0].permitted);
    REQUIRE(c.data[1].effective == 1 && c.data[1].permitted == 2);
    return 0;
}

TEST(version_one_has_32)
{
    CHECK_CHILD(version_one);
}

static int gives_up(void)
{
    struct caps c, now;

    REQUIRE(get(&c, 0) == 0);
    c.data[0].effective = 0;
    c.data[1].effective = 0;
    REQUIRE(set(&c) == 0);
    REQUIRE(get(&now, 0) == 0);
    REQUIRE(now.data[0].effective == 0 && now.data[0].permitted == c.data[0].permitted);
    c.data[0].effective = c.data[0].permitted; /* what is permitted can be taken back */
    REQUIRE(set(&c) == 0);
    c.data[0] = (struct __user_cap_data_struct){ 0 };
    c.data[1] = (struct __user_cap_data_struct){ 0 };
    REQUIRE(set(&c) == 0);
    c.data[0].permitted = 1; /* what is gone is gone */
    REQUIRE_ERRNO(set(&c), EPERM);
    c.data[0] = (struct __user_cap_data_struct){ .effective = 1 };
    REQUIRE_ERRNO(set(&c), EPERM);
    c.data[0] = (struct __user_cap_data_struct){ .inheritable = 1 };
    REQUIRE_ERRNO(set(&c), EPERM);
    return 0;
}

TEST(what_is_given_up_is_gone)
{
    CHECK_CHILD(gives_up);
}

static int ambient(void)
{
    enum { KILL = 1 << CAP_KILL };
    struct caps c;

    if (geteuid() != 0)
        return 0;
    REQUIRE(get(&c, 0) == 0);
    c.data[0].inheritable = KILL;
    REQUIRE(set(&c) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 1);
    /* leaving the inheritable set takes it out of the ambient one */
    c.data[0].inheritable = 0;
    REQUIRE(set(&c) == 0);
    REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
    return 0;
}

TEST(ambient_follows_inheritable)
{
    CHECK_CHILD(ambient);
}

static int leaving_root(void)
{
    struct caps c;

    if (geteuid() != 0)
        return 0;
    REQUIRE(seteuid(1000) == 0);
    REQUIRE(get(&c, 0) == 0);
    REQUIRE(c.data[0].effective == 0 && c.data[0].permitted != 0);
    REQUIRE(seteuid(0) == 0);
    REQUIRE(get(&c, 0) == 0);
    REQUIRE(c.data[0].effective == c.data[0].permitted);
    REQUIRE(setuid(1000) == 0);
    REQUIRE(get(&c, 0) == 0);
    REQUIRE(c.data[0].effective == 0 && c.data[0].permitted == 0);
    return 0;
}

TEST(leaving_root_leaves_them)
{
    CHECK_CHILD(leaving_root);
}

static int kept(void)
{
    struct caps c;

    if (geteuid() != 0)
        return 0;
    REQUIRE(prctl(PR_SET_KEEPCAPS, 1) == 0);
    REQUIRE(setuid(1000) == 0);
    REQUIRE(get(&c, 0) == 0);
    REQUIRE(c.data[0].effective == 0 && c.data[0].permitted != 0);
    return 0;
}

TEST(they_can_be_kept_over_setuid)
{
    CHECK_CHILD(kept);
}

MAIN
