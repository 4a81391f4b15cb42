/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkdir(2), mkdirat(2), rmdir(2)
 *
 * covers: mkdir, mkdirat, rmdir
 */
#include "files.h"

TEST(directories_are_made_and_removed)
{
    umask(027);
    CHECK(mkdir("d", 0777) == 0);
    umask(022);
    CHECK_EQ(stat_of("d").st_mode, S_IFDIR | 0750);
    CHECK_EQ(stat_of("d").st_nlink, 2);
    CHECK(mkdir("d/e/", 0755) == 0);
    CHECK_EQ(stat_of("d").st_nlink, 3);
    CHECK(rmdir("d/e/") == 0);
    CHECK(rmdir("d") == 0);
    CHECK(!exists("d"));
}

TEST(from_a_descriptor)
{
    mkdir("d", 0755);
    int d = open("d", O_RDONLY | O_DIRECTORY);
    CHECK(mkdirat(d, "in", 0755) == 0);
    CHECK(exists("d/in"));
    CHECK(unlinkat(d, "in", AT_REMOVEDIR) == 0);
    CHECK_ERRNO(mkdirat(-1, "in", 0755), EBADF);
    close(d);
}

TEST(errors_of_mkdir)
{
    put("f", "");
    if (symlink("nowhere", "dangling")) {
    }
    CHECK_ERRNO(mkdir("d", 0755), EEXIST);
    CHECK_ERRNO(mkdir("f", 0755), EEXIST);
    CHECK_ERRNO(mkdir("dangling", 0755), EEXIST);
    CHECK_ERRNO(mkdir("/", 0755), EEXIST);
    CHECK_ERRNO(mkdir(".", 0755), EEXIST);
    CHECK_ERRNO(mkdir("..", 0755), EEXIST);
    CHECK_ERRNO(mkdir("", 0755), ENOENT);
    CHECK_ERRNO(mkdir("none/x", 0755), ENOENT);
    CHECK_ERRNO(mkdir("f/x", 0755), ENOTDIR);
    CHECK_ERRNO(mkdir(long_name(256), 0755), ENAMETOOLONG);
    CHECK_ERRNO(mkdir(NOWHERE, 0755), EFAULT);
}

TEST(errors_of_rmdir)
{
    mkdir("full", 0755);
    put("full/x", "");
    CHECK_ERRNO(rmdir("full"), ENOTEMPTY);
    CHECK_ERRNO(rmdir("f"), ENOTDIR);
    CHECK_ERRNO(rmdir("none"), ENOENT);
    CHECK_ERRNO(rmdir("d/."), EINVAL);
    CHECK_ERRNO(rmdir("full/.."), ENOTEMPTY);
    CHECK_ERRNO(rmdir("/"), EBUSY);
    CHECK_ERRNO(rmdir("dangling"), ENOTDIR);
    CHECK_ERRNO(rmdir(""), ENOENT);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "d", 0x1), EINVAL);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(mkdir("ro/x", 0755), EACCES);
    REQUIRE_ERRNO(rmdir("ro/in"), EACCES);
    REQUIRE_ERRNO(mkdir("ro/in", 0755), EEXIST);
    return 0;
}

TEST(permissions)
{
    mkdir("ro", 0755);
    mkdir("ro/in", 0755);
    chmod("ro", 0555);
    CHECK_CHILD(without_rights);
    chmod("ro", 0755);
}

TEST(a_removed_working_directory)
{
    char buf[256];
    mkdir("gone", 0755);
    CHECK(chdir("gone") == 0);
    CHECK(rmdir("../gone") == 0);
    CHECK_ERRNO(mkdir("x", 0755), ENOENT);
    CHECK_ERRNO(open("x", O_CREAT, 0600), ENOENT);
    CHECK(syscall(SYS_getcwd, buf, sizeof buf) == -1 && errno == ENOENT);
    CHECK(chdir(files_dir) == 0);
}

FILES_MAIN
