/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link(2), linkat(2)
 *
 * covers: link, linkat
 */
#include "files.h"

TEST(two_names_of_one_file)
{
    put("f", "text");
    CHECK(link("f", "g") == 0);
    CHECK_EQ(stat_of("g").st_ino, stat_of("f").st_ino);
    CHECK_EQ(stat_of("f").st_nlink, 2);
    put("g", "other");
    CHECK(has("f", "other"));
}

TEST(a_link_is_linked_itself_unless_followed)
{
    CHECK(symlink("f", "l") == 0);
    CHECK(link("l", "l2") == 0);
    CHECK(S_ISLNK(stat_of("l2").st_mode));
    CHECK(linkat(AT_FDCWD, "l", AT_FDCWD, "l3", AT_SYMLINK_FOLLOW) == 0);
    CHECK_EQ(stat_of("l3").st_ino, stat_of("f").st_ino);
}

TEST(errors)
{
    int fd = open("f", O_RDONLY);
    mkdir("d", 0755);
    CHECK_ERRNO(link("none", "x"), ENOENT);
    CHECK_ERRNO(link("", "x"), ENOENT);
    CHECK_ERRNO(link("f", ""), ENOENT);
    CHECK_ERRNO(link("f", "none/x"), ENOENT);
    CHECK_ERRNO(link("f", "g"), EEXIST);
    CHECK_ERRNO(link("f", "d"), EEXIST);
    CHECK_ERRNO(link("f", "x/"), ENOENT);
    CHECK_ERRNO(link("d", "x"), EPERM);
    CHECK_ERRNO(link("f", "f/x"), ENOTDIR);
    CHECK_ERRNO(link("f/", "x"), ENOTDIR);
    CHECK_ERRNO(link("/proc/self/status", "x"), EXDEV);
    CHECK_ERRNO(link(NOWHERE, "x"), EFAULT);
    CHECK_ERRNO(link("f", long_name(256)), ENAMETOOLONG);
    CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 1), EINVAL);
    CHECK_ERRNO(linkat(-1, "f", AT_FDCWD, "x", 0), EBADF);
    CHECK_ERRNO(linkat(AT_FDCWD, "f", -1, "x", 0), EBADF);
    CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "x", 0), ENOENT);
    close(fd);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(link("mine", "ro/x"), EACCES);
    return 0;
}

static int links_to_what_is_of_others(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(link("readable", "x"), EPERM);
    REQUIRE_ERRNO(link("setuid", "x"), EPERM);
    REQUIRE_ERRNO(link("setgid", "x"), EPERM);
    REQUIRE_ERRNO(link("fifo", "x"), EPERM);
    REQUIRE_ERRNO(link("sym", "x"), EPERM);
    REQUIRE_ERRNO(link("readable", "ro/x"), EPERM);
    REQUIRE_ERRNO(link("writable", "ro/x"), EACCES);
    REQUIRE_ERRNO(link("/proc/version", "ro/x"), EXDEV);
    REQUIRE(link("writable", "w1") == 0);
    REQUIRE(link("locked", "w2") == 0);
    REQUIRE(link("mine", "m1") == 0);
    return 0;
}

static bool are_protected(void)
{
    char c = 0;
    int fd = open("/proc/sys/fs/protected_hardlinks", O_RDONLY);

    if (fd >= 0 && read(fd, &c, 1) != 1)
        c = 0;
    close(fd);
    return c == '1';
}

TEST(links_are_protected_where_the_system_says_so)
{
    if (geteuid() != 0 || !are_protected())
        return;
    put("readable", "");
    put("setuid", "");
    put("setgid", "");
    put("writable", "");
    put("locked", "");
    put("mine", "");
    CHECK(chmod("setuid", 04666) == 0);
    CHECK(chmod("setgid", 02676) == 0);
    CHECK(chmod("writable", 0666) == 0);
    CHECK(chmod("locked", 02666) == 0); /* without the right to run it: no trap */
    CHECK(mkfifo("fifo", 0666) == 0);
    CHECK(chmod("fifo", 0666) == 0);
    CHECK(symlink("writable", "sym") == 0);
    CHECK(chown("mine", NOBODY, NOBODY) == 0);
    CHECK(chmod("mine", 04400) == 0);
    mkdir("ro", 0555);
    CHECK_CHILD(links_to_what_is_of_others);
}

TEST(permissions)
{
    put("mine", "");
    if (geteuid() == 0)
        CHECK(chown("mine", NOBODY, NOBODY) == 0);
    mkdir("ro", 0555);
    CHECK_CHILD(without_rights);
}

FILES_MAIN
