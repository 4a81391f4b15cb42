/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chdir(2), fchdir(2), getcwd(2), chroot(2), umask(2)
 *
 * covers: chdir, fchdir, getcwd, chroot, umask
 */
#include "files.h"

static bool cwd_is(const char *tail)
{
    char buf[4096], want[4096];

    snprintf(want, sizeof want, "%s%s", files_dir, tail);
    return getcwd(buf, sizeof buf) && strcmp(buf, want) == 0;
}

TEST(the_working_directory_follows)
{
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    CHECK(symlink("d/e", "l") == 0);
    CHECK(chdir("l") == 0);
    CHECK(cwd_is("/d/e"));
    CHECK(chdir("..") == 0);
    CHECK(cwd_is("/d"));
    CHECK(rename(files_dir[0] ? "../d" : "", "../renamed") == 0);
    CHECK(cwd_is("/renamed"));
    CHECK(chdir("..") == 0);
    CHECK(rename("renamed", "d") == 0);
    int fd = open("d", O_RDONLY);
    CHECK(fchdir(fd) == 0);
    CHECK(cwd_is("/d"));
    close(fd);
    fd = open("..", O_PATH);
    CHECK(fchdir(fd) == 0);
    CHECK(cwd_is(""));
    close(fd);
    CHECK(chdir("/") == 0);
    char buf[4];
    CHECK_EQ(syscall(SYS_getcwd, buf, 4), 2);
    CHECK(chdir(files_dir) == 0);
}

TEST(errors)
{
    char buf[4];
    put("f", "");
    int fd = open("f", O_RDONLY), p[2];
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(chdir("none"), ENOENT);
    CHECK_ERRNO(chdir(""), ENOENT);
    CHECK_ERRNO(chdir("f"), ENOTDIR);
    CHECK_ERRNO(chdir(NOWHERE), EFAULT);
    CHECK_ERRNO(fchdir(fd), ENOTDIR);
    CHECK_ERRNO(fchdir(p[0]), ENOTDIR);
    CHECK_ERRNO(fchdir(-1), EBADF);
    CHECK_ERRNO(syscall(SYS_getcwd, buf, 4), ERANGE);
    CHECK_ERRNO(syscall(SYS_getcwd, NOWHERE, 4096), EFAULT);
    close(fd), close(p[0]), close(p[1]);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(chdir("locked"), EACCES);
    REQUIRE_ERRNO(chroot("d"), EPERM);
    REQUIRE_ERRNO(chroot("none"), ENOENT);
    REQUIRE_ERRNO(chroot("f"), ENOTDIR);
    return 0;
}

TEST(permissions)
{
    mkdir("locked", 0);
    CHECK_CHILD(without_rights);
}

static int in_jail(void)
{
    if (geteuid() != 0)
        return 0;
    REQUIRE(chroot("d") == 0);
    REQUIRE(chdir("/") == 0);
    REQUIRE(exists("/e"));
    REQUIRE(!exists("/../f"));
    char buf[16];
    REQUIRE(getcwd(buf, sizeof buf) && strcmp(buf, "/") == 0);
    return 0;
}

TEST(a_root_of_ones_own)
{
    CHECK_CHILD(in_jail);
}

TEST(the_umask_is_given_back)
{
    CHECK_EQ(umask(027), 022);
    CHECK_EQ(umask(01777), 027);
    CHECK_EQ(umask(022), 0777);
}

FILES_MAIN
