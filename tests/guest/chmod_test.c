/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chmod(2), fchmod(2), fchmodat(2), fchmodat2(2)
 *
 * covers: chmod, fchmod, fchmodat, fchmodat2
 */
#include "files.h"

TEST(modes_change)
{
    put("f", "");
    CHECK(chmod("f", 07654) == 0);
    CHECK_EQ(stat_of("f").st_mode, S_IFREG | 07654);
    int fd = open("f", O_RDONLY);
    CHECK(fchmod(fd, 0640) == 0);
    CHECK_EQ(stat_of("f").st_mode, S_IFREG | 0640);
    CHECK(symlink("f", "l") == 0);
    CHECK(fchmodat(AT_FDCWD, "l", 0600, 0) == 0);
    CHECK_EQ(stat_of("f").st_mode, S_IFREG | 0600);
    CHECK_EQ(stat_of("l").st_mode, S_IFLNK | 0777);
    close(fd);
}

TEST(errors)
{
    CHECK_ERRNO(chmod("none", 0600), ENOENT);
    CHECK_ERRNO(chmod("", 0600), ENOENT);
    CHECK_ERRNO(chmod("f/x", 0600), ENOTDIR);
    CHECK_ERRNO(chmod(NOWHERE, 0600), EFAULT);
    CHECK_ERRNO(fchmod(-1, 0600), EBADF);
    CHECK_ERRNO(syscall(452, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
    CHECK_ERRNO(syscall(452, AT_FDCWD, "f", 0600, 0x8000), EINVAL);
    CHECK_ERRNO(syscall(SYS_fchmodat, -1, "f", 0600), EBADF);
}

static int change_mode_at(int dirfd, const char *path, int flags)
{
    return (int)syscall(452 /* fchmodat2 */, dirfd, path, 0600, flags);
}

TEST(links_keep_their_mode)
{
    char name[64];
    int fd = open("l", O_PATH | O_NOFOLLOW);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    CHECK_ERRNO(chmod(name, 0600), EOPNOTSUPP);
    CHECK_ERRNO(fchmodat(AT_FDCWD, name, 0600, 0), EOPNOTSUPP);
    if (change_mode_at(AT_FDCWD, "f", 0) == 0) { /* Linux 6.6 */
        CHECK_ERRNO(change_mode_at(fd, "", AT_EMPTY_PATH), EOPNOTSUPP);
        CHECK_ERRNO(change_mode_at(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
        CHECK_EQ(change_mode_at(AT_FDCWD, "f", AT_SYMLINK_NOFOLLOW), 0);
    }
    CHECK_EQ(stat_of("l").st_mode, S_IFLNK | 0777);
    close(fd);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(fchmod(open("l", O_PATH | O_NOFOLLOW), 0600), EBADF);
    if (getuid() == NOBODY) {
        REQUIRE_ERRNO(chmod("f", 0600), EPERM);
        REQUIRE(chmod("mine", 02755) == 0);
        REQUIRE(stat_of("mine").st_mode == (S_IFREG | 0755)); /* not of that group */
        REQUIRE(chmod("mine", 04755) == 0);
        REQUIRE(stat_of("mine").st_mode == (S_IFREG | 04755));
    }
    return 0;
}

TEST(permissions)
{
    put("mine", "");
    if (geteuid() == 0)
        CHECK(chown("mine", NOBODY, 77) == 0);
    CHECK_CHILD(without_rights);
}

FILES_MAIN
