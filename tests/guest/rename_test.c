/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename(2), renameat(2), renameat2(2)
 *
 * covers: rename, renameat, renameat2
 */
#include "files.h"

static long rename2(const char *from, const char *to, unsigned flags)
{
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

TEST(names_move)
{
    put("a", "a");
    put("b", "b");
    ino_t ino = stat_of("a").st_ino;
    CHECK(rename("a", "b") == 0);
    CHECK(!exists("a"));
    CHECK_EQ(stat_of("b").st_ino, ino);
    CHECK(rename("b", "b") == 0);
    CHECK(link("b", "b2") == 0);
    CHECK(rename("b", "b2") == 0);
    CHECK(exists("b") && exists("b2"));
    unlink("b2");
    mkdir("d", 0755);
    CHECK(rename("b", "d/b") == 0);
    int d = open("d", O_RDONLY);
    CHECK(renameat(d, "b", AT_FDCWD, "b") == 0);
    CHECK(has("b", "a"));
    close(d);
}

TEST(directories_move_with_all_in_them)
{
    mkdir("d/e", 0755);
    put("d/e/f", "deep");
    CHECK(rename("d", "moved/") == 0);
    CHECK(has("moved/e/f", "deep"));
    mkdir("empty", 0755);
    CHECK(rename("moved/e", "empty") == 0);
    CHECK(has("empty/f", "deep"));
    CHECK_EQ(stat_of("moved").st_nlink, 2);
}

TEST(errors)
{
    mkdir("full", 0755);
    put("full/x", "");
    mkdir("e", 0755);
    CHECK_ERRNO(rename("none", "x"), ENOENT);
    CHECK_ERRNO(rename("", "x"), ENOENT);
    CHECK_ERRNO(rename("b", ""), ENOENT);
    CHECK_ERRNO(rename("b", "none/x"), ENOENT);
    CHECK_ERRNO(rename("b", "b/x"), ENOTDIR);
    CHECK_ERRNO(rename("b", "e"), EISDIR);
    CHECK_ERRNO(rename("e", "b"), ENOTDIR);
    CHECK_ERRNO(rename("e", "full"), ENOTEMPTY);
    CHECK_ERRNO(rename("full", "full/sub"), EINVAL);
    CHECK_ERRNO(rename("full/x", "full"), ENOTEMPTY);
    CHECK_ERRNO(rename("b", "new/"), ENOTDIR);
    CHECK_ERRNO(rename("b/", "new"), ENOTDIR);
    CHECK_ERRNO(rename(".", "new"), EBUSY);
    CHECK_ERRNO(rename("e/.", "new"), EBUSY);
    CHECK_ERRNO(rename("e/..", "new"), EBUSY);
    CHECK_ERRNO(rename("b", "e/.."), EBUSY);
    CHECK_ERRNO(rename("b", "/proc/x"), EXDEV);
    CHECK_ERRNO(rename(NOWHERE, "x"), EFAULT);
    CHECK_ERRNO(rename("b", NOWHERE), EFAULT);
    CHECK_ERRNO(rename("b", long_name(256)), ENAMETOOLONG);
    CHECK_ERRNO(renameat(-1, "b", AT_FDCWD, "x"), EBADF);
}

TEST(flags)
{
    put("one", "1");
    put("two", "2");
    CHECK_ERRNO(rename2("one", "two", RENAME_NOREPLACE), EEXIST);
    CHECK_ERRNO(rename2("one", "one", RENAME_NOREPLACE), EEXIST);
    CHECK(rename2("one", "three", RENAME_NOREPLACE) == 0);
    CHECK(rename2("three", "two", RENAME_EXCHANGE) == 0);
    CHECK(has("two", "1") && has("three", "2"));
    CHECK(rename2("full", "two", RENAME_EXCHANGE) == 0);
    CHECK(exists("two/x") && has("full", "1"));
    CHECK_ERRNO(rename2("two", "none", RENAME_EXCHANGE), ENOENT);
    CHECK_ERRNO(rename2("two", "two/x", RENAME_EXCHANGE), EINVAL);
    CHECK_ERRNO(rename2("two", "x", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
    CHECK_ERRNO(rename2("two", "x", 0x100), EINVAL);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(rename("ro/f", "x"), EACCES);
    REQUIRE_ERRNO(rename("mine", "ro/x"), EACCES);
    if (getuid() == NOBODY) {
        REQUIRE_ERRNO(rename("sticky/f", "x"), EPERM);
        REQUIRE_ERRNO(rename("mine", "sticky/f"), EPERM);
    }
    return 0;
}

TEST(permissions)
{
    mkdir("ro", 0755);
    put("ro/f", "");
    put("mine", "");
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    put("sticky/f", "");
    chmod("ro", 0555);
    CHECK_CHILD(without_rights);
    chmod("ro", 0755);
}

FILES_MAIN
