/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The twelve calls on extended attributes.
 *
 * covers: setxattr, lsetxattr, fsetxattr, getxattr, lgetxattr, fgetxattr
 * covers: listxattr, llistxattr, flistxattr, removexattr, lremovexattr, fremovexattr
 */
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

FILES_MAIN
