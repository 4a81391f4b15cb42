/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chown(2), lchown(2), fchown(2), fchownat(2)
 *
 * covers: chown, lchown, fchown, fchownat
 */
#include "files.h"

TEST(owners_change_for_root)
{
    put("f", "");
    chmod("f", 06755);
    CHECK(symlink("f", "l") == 0);
    if (geteuid() != 0) {
        CHECK_ERRNO(chown("f", 0, -1), EPERM);
        return;
    }
    CHECK(chown("f", 5, 6) == 0);
    CHECK_EQ(stat_of("f").st_uid, 5);
    CHECK_EQ(stat_of("f").st_gid, 6);
    CHECK_EQ(stat_of("f").st_mode, S_IFREG | 0755);
    CHECK(chown("l", 7, -1) == 0);
    CHECK_EQ(stat_of("f").st_uid, 7);
    CHECK_EQ(stat_of("f").st_gid, 6);
    CHECK(lchown("l", 8, 9) == 0);
    CHECK_EQ(stat_of("l").st_uid, 8);
    CHECK_EQ(stat_of("f").st_uid, 7);
    int fd = open("f", O_RDONLY);
    CHECK(fchown(fd, -1, 10) == 0);
    CHECK(fchownat(fd, "", 11, -1, AT_EMPTY_PATH) == 0);
    CHECK_EQ(stat_of("f").st_uid, 11);
    CHECK_EQ(stat_of("f").st_gid, 10);
    close(fd);
}

TEST(nothing_is_always_allowed)
{
    put("g", "");
    CHECK(chown("g", -1, -1) == 0);
    CHECK(chown("g", geteuid(), getegid()) == 0);
}

TEST(errors)
{
    CHECK_ERRNO(chown("none", 1, 1), ENOENT);
    CHECK_ERRNO(chown("g/x", 1, 1), ENOTDIR);
    CHECK_ERRNO(chown(NOWHERE, 1, 1), EFAULT);
    CHECK_ERRNO(fchown(-1, 1, 1), EBADF);
    CHECK_ERRNO(fchownat(AT_FDCWD, "g", 1, 1, 0x8000), EINVAL);
    CHECK_ERRNO(fchownat(-1, "g", 1, 1, 0), EBADF);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(chown("mine", 0, -1), EPERM);
    REQUIRE_ERRNO(chown("mine", -1, 12), EPERM);
    REQUIRE(chown("mine", -1, getegid()) == 0);
    return 0;
}

TEST(permissions)
{
    put("mine", "");
    if (geteuid() == 0)
        CHECK(chown("mine", NOBODY, 5) == 0);
    CHECK_CHILD(without_rights);
}

FILES_MAIN
