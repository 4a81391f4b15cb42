/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlink(2), unlinkat(2)
 *
 * covers: unlink, unlinkat
 */
#include "files.h"

TEST(a_name_goes_and_the_file_stays_while_it_is_open)
{
    char c;
    put("f", "x");
    CHECK(link("f", "g") == 0);
    int fd = open("f", O_RDONLY);
    CHECK(unlink("f") == 0);
    CHECK(!exists("f"));
    CHECK_EQ(stat_of("g").st_nlink, 1);
    CHECK(unlinkat(AT_FDCWD, "g", 0) == 0);
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(read(fd, &c, 1), 1);
    close(fd);
}

TEST(errors)
{
    put("f", "");
    mkdir("d", 0755);
    CHECK_ERRNO(unlink("none"), ENOENT);
    CHECK_ERRNO(unlink(""), ENOENT);
    CHECK_ERRNO(unlink("d"), EISDIR);
    CHECK_ERRNO(unlink("d/"), EISDIR);
    CHECK_ERRNO(unlink("f/"), ENOTDIR);
    CHECK_ERRNO(unlink("f/x"), ENOTDIR);
    CHECK_ERRNO(unlink("/"), EISDIR);
    CHECK_ERRNO(unlink("."), EISDIR);
    CHECK_ERRNO(unlink("d/.."), EISDIR);
    CHECK_ERRNO(unlink(NOWHERE), EFAULT);
    CHECK_ERRNO(unlink(long_name(256)), ENAMETOOLONG);
    CHECK_ERRNO(unlinkat(-1, "f", 0), EBADF);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "f", 1), EINVAL);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(unlink("ro/f"), EACCES);
    REQUIRE_ERRNO(unlink("ro/none"), ENOENT);
    if (getuid() == NOBODY)
        REQUIRE_ERRNO(unlink("sticky/f"), EPERM);
    return 0;
}

TEST(permissions)
{
    mkdir("ro", 0755);
    put("ro/f", "");
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    put("sticky/f", "");
    chmod("ro", 0555);
    CHECK_CHILD(without_rights);
    chmod("ro", 0755);
}

TEST(a_link_goes_and_not_what_it_names)
{
    CHECK(symlink("f", "l") == 0);
    CHECK_ERRNO(unlink("l/"), ENOTDIR);
    CHECK(unlink("l") == 0);
    CHECK(exists("f") && !exists("l"));
}

FILES_MAIN
