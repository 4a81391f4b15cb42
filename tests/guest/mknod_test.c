/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mknod(2), mknodat(2)
 *
 * covers: mknod, mknodat
 */
#include <sys/sysmacros.h>

#include "files.h"

TEST(kinds)
{
    umask(022);
    CHECK(mknod("file", 0666, 0) == 0);
    CHECK_EQ(stat_of("file").st_mode, S_IFREG | 0644);
    CHECK(mknod("file2", S_IFREG | 0600, 0) == 0);
    CHECK(mknod("fifo", S_IFIFO | 0600, 0) == 0);
    CHECK_EQ(stat_of("fifo").st_mode, S_IFIFO | 0600);
    CHECK(mknodat(AT_FDCWD, "sock", S_IFSOCK | 0600, 0) == 0);
    CHECK(S_ISSOCK(stat_of("sock").st_mode));
}

TEST(errors)
{
    CHECK_ERRNO(mknod("file", S_IFIFO | 0600, 0), EEXIST);
    CHECK_ERRNO(mknod("d", S_IFDIR | 0700, 0), EPERM);
    CHECK_ERRNO(mknod("x", S_IFLNK | 0700, 0), EINVAL);
    CHECK_ERRNO(mknod("x", 0xf000, 0), EINVAL);
    CHECK_ERRNO(mknod("", S_IFIFO, 0), ENOENT);
    CHECK_ERRNO(mknod("none/x", S_IFIFO, 0), ENOENT);
    CHECK_ERRNO(mknod("file/x", S_IFIFO, 0), ENOTDIR);
    CHECK_ERRNO(mknod("x/", S_IFIFO, 0), ENOENT);
    CHECK_ERRNO(mknod(NOWHERE, S_IFIFO, 0), EFAULT);
    CHECK_ERRNO(mknodat(-1, "x", S_IFIFO, 0), EBADF);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(mknod("dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
    REQUIRE_ERRNO(mknod("dev", S_IFBLK | 0600, makedev(1, 3)), EPERM);
    REQUIRE(mknod("theirs", S_IFIFO | 0600, 0) == 0);
    return 0;
}

TEST(devices_are_for_root)
{
    CHECK_CHILD(without_rights);
}

FILES_MAIN
