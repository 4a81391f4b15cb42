/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symlink(2), symlinkat(2), readlink(2), readlinkat(2)
 *
 * covers: symlink, symlinkat, readlink, readlinkat
 */
#include "files.h"

TEST(the_text_comes_back)
{
    char buf[64];
    CHECK(symlink("some where", "l") == 0);
    CHECK_EQ(stat_of("l").st_mode, S_IFLNK | 0777);
    CHECK_EQ(stat_of("l").st_size, 10);
    CHECK_EQ(readlink("l", buf, sizeof buf), 10);
    CHECK(memcmp(buf, "some where", 10) == 0);
    CHECK_EQ(readlink("l", buf, 4), 4);
    int fd = open("l", O_PATH | O_NOFOLLOW);
    CHECK_EQ(readlinkat(fd, "", buf, sizeof buf), 10);
    close(fd);
    CHECK(symlinkat(long_name(4000), AT_FDCWD, "long") == 0);
    CHECK_EQ(stat_of("long").st_size, 4000);
}

TEST(links_are_followed_in_the_middle)
{
    mkdir("d", 0755);
    put("d/f", "x");
    CHECK(symlink("d", "dl") == 0);
    CHECK(symlink("../d/f", "d/up") == 0);
    CHECK(has("dl/f", "x"));
    CHECK(has("dl/up", "x"));
    CHECK(has("dl/../dl/./up", "x"));
}

TEST(forty_links_and_no_more)
{
    char from[16], to[16];
    put("c0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(from, sizeof from, "c%d", i - 1);
        snprintf(to, sizeof to, "c%d", i);
        CHECK(symlink(from, to) == 0);
    }
    CHECK(has("c40", "end"));
    CHECK_ERRNO(open("c41", O_RDONLY), ELOOP);
}

TEST(errors)
{
    char buf[8];
    put("f", "");
    CHECK_ERRNO(symlink("x", "f"), EEXIST);
    CHECK_ERRNO(symlink("x", "l"), EEXIST);
    CHECK_ERRNO(symlink("", "n"), ENOENT);
    CHECK_ERRNO(symlink("x", ""), ENOENT);
    CHECK_ERRNO(symlink("x", "n/"), ENOENT);
    CHECK_ERRNO(symlink("x", "none/n"), ENOENT);
    CHECK_ERRNO(symlink("x", "f/n"), ENOTDIR);
    CHECK_ERRNO(symlink(long_name(4096), "n"), ENAMETOOLONG);
    CHECK_ERRNO(symlink("x", long_name(256)), ENAMETOOLONG);
    CHECK_ERRNO(symlink(NOWHERE, "n"), EFAULT);
    CHECK_ERRNO(symlinkat("x", -1, "n"), EBADF);
    CHECK_ERRNO(readlink("f", buf, 8), EINVAL);
    CHECK_ERRNO(readlink("none", buf, 8), ENOENT);
    CHECK_ERRNO(syscall(SYS_readlink, "l", buf, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_readlink, "l", buf, -1), EINVAL);
    CHECK_ERRNO(readlink("l", NOWHERE, 8), EFAULT);
    CHECK_ERRNO(readlink("", buf, 8), ENOENT);
    CHECK_ERRNO(readlink("f/x", buf, 8), ENOTDIR);
}

FILES_MAIN
