/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stat(2), lstat(2), fstat(2), newfstatat(2), statx(2)
 *
 * covers: stat, lstat, fstat, newfstatat, statx
 */
#include "files.h"

TEST(all_forms_say_the_same)
{
    struct stat a, b, c, d;
    put("f", "12345");
    CHECK(symlink("f", "l") == 0);
    int fd = open("f", O_RDONLY);
    CHECK(stat("l", &a) == 0 && fstat(fd, &b) == 0 &&
          fstatat(AT_FDCWD, "f", &c, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(fstatat(fd, "", &d, AT_EMPTY_PATH) == 0);
    CHECK(a.st_ino == b.st_ino && b.st_ino == c.st_ino && c.st_ino == d.st_ino);
    CHECK_EQ(a.st_size, 5);
    CHECK_EQ(a.st_mode, S_IFREG | 0644);
    CHECK_EQ(a.st_uid, geteuid());
    CHECK_EQ(a.st_nlink, 1);
    CHECK(a.st_blksize > 0);
    CHECK(lstat("l", &a) == 0);
    CHECK(S_ISLNK(a.st_mode));
    CHECK_EQ(a.st_size, 1);
    close(fd);
}

TEST(pipes_have_attributes)
{
    struct stat st;
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK(fstat(p[0], &st) == 0);
    CHECK(S_ISFIFO(st.st_mode));
    CHECK(fstatat(p[1], "", &st, AT_EMPTY_PATH) == 0);
    CHECK(S_ISFIFO(st.st_mode));
    close(p[0]), close(p[1]);
}

TEST(errors)
{
    struct stat st;
    CHECK_ERRNO(stat("none", &st), ENOENT);
    CHECK_ERRNO(stat("", &st), ENOENT);
    CHECK_ERRNO(stat("f/", &st), ENOTDIR);
    CHECK_ERRNO(stat("f/x", &st), ENOTDIR);
    CHECK_ERRNO(stat(NOWHERE, &st), EFAULT);
    CHECK_ERRNO(syscall(SYS_stat, "f", NOWHERE), EFAULT);
    CHECK_ERRNO(stat(long_name(256), &st), ENAMETOOLONG);
    CHECK_ERRNO(stat(long_name(4096), &st), ENAMETOOLONG);
    CHECK_ERRNO(syscall(SYS_fstat, -1, &st), EBADF);
    CHECK_ERRNO(fstatat(-1, "f", &st, 0), EBADF);
    CHECK_ERRNO(fstatat(AT_FDCWD, "f", &st, 0x10000), EINVAL);
    CHECK_ERRNO(fstatat(AT_FDCWD, "", &st, 0), ENOENT);
}

static int without_rights(void)
{
    struct stat st;

    REQUIRE(become_nobody() == 0);
    REQUIRE(stat("locked", &st) == 0);
    REQUIRE_ERRNO(stat("locked/x", &st), EACCES);
    REQUIRE_ERRNO(stat("locked/.", &st), EACCES);
    return 0;
}

TEST(permissions)
{
    mkdir("locked", 0);
    CHECK_CHILD(without_rights);
}

TEST(statx_says_more)
{
    struct statx x;
    CHECK(statx(AT_FDCWD, "f", 0, STATX_ALL, &x) == 0);
    CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK_EQ(x.stx_size, 5);
    CHECK_EQ(x.stx_mode, S_IFREG | 0644);
    CHECK_EQ(x.stx_ino, stat_of("f").st_ino);
    CHECK(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x) == 0);
    CHECK(S_ISLNK(x.stx_mode));
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0, 0x80000000u, &x), EINVAL);
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0x6000, 0, &x), EINVAL);
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0x10000, 0, &x), EINVAL);
    CHECK_ERRNO(statx(AT_FDCWD, "none", 0, 0, &x), ENOENT);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0, 0, NOWHERE), EFAULT);
    CHECK_ERRNO(statx(-1, "f", 0, 0, &x), EBADF);
}

FILES_MAIN
