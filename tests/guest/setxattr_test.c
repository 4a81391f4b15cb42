/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The twelve calls on extended attributes.
 *
 * covers: setxattr, lsetxattr, fsetxattr, getxattr, lgetxattr, fgetxattr
 * covers: listxattr, llistxattr, flistxattr, removexattr, lremovexattr, fremovexattr
 */
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#include "files.h"

TEST(values_come_back)
{
    char buf[64];
    put("f", "");
    if (setxattr("f", "user.k", "value", 5, 0) && errno == EOPNOTSUPP)
        return;
    CHECK_EQ(getxattr("f", "user.k", buf, sizeof buf), 5);
    CHECK(memcmp(buf, "value", 5) == 0);
    CHECK_EQ(getxattr("f", "user.k", NULL, 0), 5);
    CHECK_ERRNO(getxattr("f", "user.k", buf, 4), ERANGE);
    CHECK(setxattr("f", "user.empty", "", 0, 0) == 0);
    CHECK_EQ(getxattr("f", "user.empty", buf, sizeof buf), 0);
    CHECK_EQ(listxattr("f", NULL, 0), 7 + 11);
    CHECK_ERRNO(listxattr("f", buf, 10), ERANGE);
    int fd = open("f", O_RDONLY);
    CHECK(fsetxattr(fd, "user.k", "two", 3, XATTR_REPLACE) == 0);
    CHECK_EQ(fgetxattr(fd, "user.k", buf, sizeof buf), 3);
    CHECK_EQ(flistxattr(fd, buf, sizeof buf), 18);
    CHECK(fremovexattr(fd, "user.empty") == 0);
    close(fd);
    CHECK(removexattr("f", "user.k") == 0);
    CHECK_EQ(listxattr("f", buf, sizeof buf), 0);
}

TEST(errors)
{
    char buf[8];
    CHECK(symlink("f", "l") == 0);
    CHECK_ERRNO(getxattr("f", "user.none", buf, 8), ENODATA);
    CHECK_ERRNO(removexattr("f", "user.none"), ENODATA);
    CHECK_ERRNO(setxattr("f", "user.none", "", 0, XATTR_REPLACE), ENODATA);
    CHECK(setxattr("f", "user.k", "", 0, 0) == 0);
    CHECK_ERRNO(setxattr("f", "user.k", "", 0, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr("f", "user.k", "", 0, 8), EINVAL);
    CHECK_ERRNO(setxattr("f", "other.k", "", 0, 0), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("f", "user.", "", 0, 0), EINVAL);
    CHECK_ERRNO(setxattr("f", "", "", 0, 0), ERANGE);
    CHECK_ERRNO(setxattr("f", long_name(256), "", 0, 0), ERANGE);
    CHECK_ERRNO(syscall(SYS_setxattr, "f", "user.big", buf, 65537, 0), E2BIG);
    CHECK_ERRNO(setxattr("f", "user.k", NOWHERE, 1, 0), EFAULT);
    CHECK_ERRNO(setxattr("f", NOWHERE, "", 0, 0), EFAULT);
    CHECK_ERRNO(lsetxattr("l", "user.k", "", 0, 0), EPERM);
    CHECK_ERRNO(lgetxattr("l", "user.k", buf, 8), ENODATA);
    CHECK_EQ(getxattr("l", "user.k", buf, 8), 0);
    CHECK_ERRNO(setxattr("none", "user.k", "", 0, 0), ENOENT);
    CHECK_ERRNO(fsetxattr(-1, "user.k", "", 0, 0), EBADF);
    CHECK_ERRNO(flistxattr(-1, buf, 8), EBADF);
}

static int without_rights(void)
{
    char buf[8];

    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(setxattr("ro", "user.k", "", 0, 0), EACCES);
    REQUIRE_ERRNO(getxattr("secret", "user.k", buf, 8), EACCES);
    REQUIRE_ERRNO(setxattr("ro", "trusted.k", "", 0, 0), EPERM);
    REQUIRE_ERRNO(getxattr("ro", "trusted.k", buf, 8), ENODATA);
    return 0;
}

TEST(permissions)
{
    put("ro", "");
    put("secret", "");
    if (geteuid() == 0)
        CHECK(setxattr("ro", "trusted.k", "t", 1, 0) == 0);
    chmod("ro", 0444);
    chmod("secret", 0);
    CHECK_CHILD(without_rights);
}

/* ---- security.capability ---- */

#define CAPS "security.capability"

static char self[4096];

static struct vfs_cap_data all_caps(uint32_t version)
{
    return (struct vfs_cap_data){
        .magic_etc = version | VFS_CAP_FLAGS_EFFECTIVE,
        .data = {{ 0xffffffff, 0 }, { 0x1ff, 0 }},
    };
}

TEST(capabilities_have_a_version)
{
    struct vfs_cap_data v2 = all_caps(VFS_CAP_REVISION_2), odd = all_caps(0x04000000), got;
    struct vfs_ns_cap_data v3 = { .magic_etc = VFS_CAP_REVISION_3, .rootid = 0 };

    if (geteuid() != 0)
        return;
    put("caps", "");
    CHECK_ERRNO(setxattr("caps", CAPS, &v2, sizeof v2 - 1, 0), EINVAL);
    CHECK_ERRNO(setxattr("caps", CAPS, &v2, 4, 0), EINVAL);
    CHECK_ERRNO(setxattr("caps", CAPS, &odd, sizeof odd, 0), EINVAL);
    CHECK_ERRNO(setxattr("caps", CAPS, &v3, sizeof v2, 0), EINVAL);
    CHECK_ERRNO(getxattr("caps", CAPS, &got, sizeof got), ENODATA);
    CHECK_EQ(setxattr("caps", CAPS, &v2, sizeof v2, 0), 0);
    CHECK_EQ(getxattr("caps", CAPS, NULL, 0), sizeof v2);
    CHECK_ERRNO(getxattr("caps", CAPS, &got, sizeof got - 1), ERANGE);
    CHECK_EQ(getxattr("caps", CAPS, &got, sizeof got), sizeof got);
    CHECK(memcmp(&got, &v2, sizeof got) == 0);
    /* those of root are shown to root as they would be without a name */
    CHECK_EQ(setxattr("caps", CAPS, &v3, sizeof v3, 0), 0);
    CHECK_EQ(getxattr("caps", CAPS, &got, sizeof got), sizeof got);
    CHECK_EQ(got.magic_etc, VFS_CAP_REVISION_2);
    CHECK_EQ(removexattr("caps", CAPS), 0);
}

static int write_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Root of a namespace that nobody else is in. */
static int be_root_of_own(void)
{
    char map[32];

    snprintf(map, sizeof map, "0 %u 1", NOBODY);
    if (unshare(CLONE_NEWUSER) || write_file("/proc/self/setgroups", "deny"))
        return -1;
    return write_file("/proc/self/uid_map", map) || write_file("/proc/self/gid_map", map) ? -1 : 0;
}

/* The file is nobody's: who is root in a namespace of nobody's may do what he wants with it. */
static int marks_its_own(void)
{
    struct vfs_ns_cap_data v3 = { .rootid = 0 };
    struct vfs_cap_data v2 = all_caps(VFS_CAP_REVISION_2), got;

    REQUIRE(become_nobody() == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    REQUIRE_ERRNO(setxattr("prog", CAPS, &v2, sizeof v2, 0), EPERM);
    REQUIRE_ERRNO(setxattr("prog", CAPS, &v2, 3, 0), EINVAL);
    REQUIRE(be_root_of_own() == 0);
    REQUIRE_ERRNO(setxattr("prog", "security.other", "", 0, 0), EPERM);
    REQUIRE_ERRNO(setxattr("prog", "trusted.other", "", 0, 0), EPERM);
    memcpy(&v3, &v2, sizeof v2);
    v3.magic_etc = VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE;
    v3.rootid = 7;
    REQUIRE_ERRNO(setxattr("prog", CAPS, &v3, sizeof v3, 0), EINVAL);
    v3.rootid = 0;
    REQUIRE(setxattr("prog", CAPS, &v3, sizeof v3, 0) == 0);
    REQUIRE(setxattr("prog2", CAPS, &v2, sizeof v2, 0) == 0);
    for (const char *name = "prog";; name = "prog2") {
        REQUIRE(getxattr(name, CAPS, &got, sizeof got) == sizeof got);
        REQUIRE(memcmp(&got, &v2, sizeof got) == 0);
        if (strcmp(name, "prog2") == 0)
            return 0;
    }
}

/* Another namespace's capabilities cannot be told in the names of this one. */
static int sees_those_of_others(void)
{
    char buf[64];

    REQUIRE(setresuid(NOBODY + 1, NOBODY + 1, NOBODY + 1) == 0);
    REQUIRE(unshare(CLONE_NEWUSER) == 0);
    REQUIRE_ERRNO(getxattr("prog", CAPS, buf, sizeof buf), EOVERFLOW);
    REQUIRE_ERRNO(getxattr("prog", CAPS, NULL, 0), EOVERFLOW);
    return 0;
}

static int runs(const char *name)
{
    REQUIRE(become_nobody() == 0);
    execl(name, name, "powers", NULL);
    return 99;
}

static int runs_prog(void)
{
    return runs("./prog");
}

static int runs_prog2(void)
{
    return runs("./prog2");
}

/* In there it is what its owner has made of it. */
static int runs_within(void)
{
    REQUIRE(become_nobody() == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    REQUIRE(unshare(CLONE_NEWUSER) == 0);
    REQUIRE(write_file("/proc/self/uid_map", "5 54321 1") == 0);
    execl("./prog", "./prog", "powers", NULL);
    return 99;
}

static int copy_self(const char *name)
{
    static char buf[1 << 16];
    int from = open(self, O_RDONLY), to = open(name, O_CREAT | O_WRONLY, 0755);
    ssize_t n;

    while ((n = read(from, buf, sizeof buf)) > 0)
        if (write(to, buf, (size_t)n) != n)
            return -1;
    close(from);
    return n || fchown(to, NOBODY, NOBODY) || close(to);
}

/* What the root of a user namespace gives to a file counts in that namespace only. */
TEST(capabilities_stay_in_their_namespace)
{
    struct vfs_ns_cap_data got;

    if (geteuid() != 0 || copy_self("prog") || copy_self("prog2"))
        return;
    CHECK_CHILD(marks_its_own);
    CHECK_EQ(getxattr("prog", CAPS, &got, sizeof got), sizeof got);
    CHECK_EQ(got.rootid, NOBODY);
    CHECK_EQ(getxattr("prog2", CAPS, &got, sizeof got), sizeof got);
    CHECK_EQ(got.magic_etc, VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE);
    CHECK_EQ(got.rootid, NOBODY);
    CHECK_CHILD(sees_those_of_others);
    CHECK_CHILD(runs_prog);
    CHECK_CHILD(runs_prog2);
    CHECK_CHILD(runs_within);
}

/* Leaves with 1 where it has any capability. */
static int powers(void)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &head, data))
        return 2;
    return data[0].permitted || data[1].permitted || data[0].effective;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "powers") == 0)
        return powers();
    if (!realpath(argv[0], self))
        return 2;
    files_start();
    int failed = guest_main();
    files_stop();
    return failed;
}
