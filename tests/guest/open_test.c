/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open(2), openat(2), creat(2)
 *
 * covers: open, openat, creat
 */
#include <sys/resource.h>

#include "files.h"

#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif

TEST(a_new_file_has_the_mode_that_was_asked_for_less_the_umask)
{
    umask(027);
    int fd = open("new", O_CREAT | O_RDWR, 0676);
    CHECK(fd >= 0);
    CHECK_EQ(stat_of("new").st_mode, S_IFREG | 0650);
    CHECK_EQ(stat_of("new").st_size, 0);
    umask(022);
    close(fd);
    fd = creat("new2", 0600);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
    close(fd);
}

TEST(the_lowest_descriptor_is_given)
{
    int a = open("new", O_RDONLY), b = open("new", O_RDONLY);
    CHECK_EQ(b, a + 1);
    close(a);
    CHECK_EQ(open("new", O_RDONLY), a);
    close(a);
    close(b);
}

TEST(access_modes_are_obeyed)
{
    char c;
    put("f", "text");
    int r = open("f", O_RDONLY), w = open("f", O_WRONLY), both = open("f", O_RDWR),
        none = open("f", 3);
    CHECK_ERRNO(write(r, "x", 1), EBADF);
    CHECK_ERRNO(read(w, &c, 1), EBADF);
    CHECK_EQ(read(both, &c, 1), 1);
    CHECK_EQ(write(both, "x", 1), 1);
    CHECK_ERRNO(read(none, &c, 1), EBADF);
    CHECK_ERRNO(write(none, &c, 1), EBADF);
    close(r), close(w), close(both), close(none);
}

TEST(append_and_trunc)
{
    put("f", "one");
    int fd = open("f", O_WRONLY | O_APPEND);
    CHECK_EQ(write(fd, "two", 3), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(write(fd, "3", 1), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    CHECK(has("f", "onetwo3"));
    close(fd);
    fd = open("f", O_RDONLY | O_TRUNC);
    CHECK(fd >= 0);
    CHECK_EQ(stat_of("f").st_size, 0);
    close(fd);
}

TEST(errors_of_names)
{
    put("f", "");
    mkdir("d", 0755);
    if (symlink("f", "l")) {
    }
    if (symlink("loop", "loop")) {
    }
    if (symlink("nowhere", "dangling")) {
    }
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("none/x", O_CREAT, 0600), ENOENT);
    CHECK_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("f/x", O_CREAT, 0600), ENOTDIR);
    CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("f", O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("l", O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("dangling", O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERRNO(open("loop", O_RDONLY), ELOOP);
    CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("d", O_WRONLY), EISDIR);
    CHECK_ERRNO(open("d", O_RDWR), EISDIR);
    CHECK_ERRNO(open("d", O_CREAT, 0600), EISDIR);
    CHECK_ERRNO(open("d/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERRNO(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
    CHECK_ERRNO(open("d", O_RDONLY | O_TRUNC), EISDIR);
    CHECK_ERRNO(open(long_name(256), O_CREAT, 0600), ENAMETOOLONG);
    CHECK_ERRNO(open(long_name(4096), O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(open(NOWHERE, O_RDONLY), EFAULT);
    CHECK(open(long_name(255), O_CREAT, 0600) >= 0);
    CHECK(unlink(long_name(255)) == 0);
}

TEST(a_dangling_link_makes_its_target)
{
    int fd = open("dangling", O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0);
    close(fd);
    CHECK(exists("nowhere"));
}

TEST(openat_starts_at_a_descriptor)
{
    put("d/in", "x");
    int d = open("d", O_RDONLY | O_DIRECTORY), f = open("f", O_RDONLY);
    int in = openat(d, "in", O_RDONLY);
    CHECK(in >= 0);
    close(in);
    CHECK_ERRNO(openat(f, "in", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(openat(-1, "in", O_RDONLY), EBADF);
    CHECK_ERRNO(openat(999, "in", O_RDONLY), EBADF);
    in = openat(-1, "/", O_RDONLY);
    CHECK(in >= 0);
    close(in), close(d), close(f);
}

TEST(a_path_descriptor_names_and_no_more)
{
    char c;
    struct stat st;
    int fd = open("f", O_PATH), l = open("l", O_PATH | O_NOFOLLOW);
    CHECK_EQ(fcntl(fd, F_GETFL), O_PATH);
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_ERRNO(write(fd, &c, 1), EBADF);
    CHECK_ERRNO(fchmod(fd, 0600), EBADF);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
    CHECK_ERRNO(ioctl(fd, 0x5421 /* FIONBIO */, &c), EBADF);
    CHECK(fstat(fd, &st) == 0);
    CHECK(fstat(l, &st) == 0);
    CHECK(S_ISLNK(st.st_mode));
    close(fd), close(l);
}

TEST(a_tmpfile_has_no_name_until_it_gets_one)
{
    char proc[64];
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno == EOPNOTSUPP)
        return;
    CHECK(fd >= 0);
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    CHECK_EQ(st.st_nlink, 0);
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    CHECK(linkat(AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
    CHECK_EQ(stat_of("named").st_nlink, 1);
    close(fd);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    CHECK_ERRNO(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    CHECK_ERRNO(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(open("locked", O_RDONLY), EACCES);
    REQUIRE_ERRNO(open("locked/x", O_RDONLY), EACCES);
    REQUIRE_ERRNO(open("ro", O_WRONLY), EACCES);
    REQUIRE_ERRNO(open("ro", O_RDONLY | O_TRUNC), EACCES);
    REQUIRE_ERRNO(open("rodir/new", O_CREAT | O_WRONLY, 0600), EACCES);
    int fd = open("mine", O_CREAT | O_RDWR, 0); /* whatever its mode is */
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, "x", 1) == 1);
    REQUIRE_ERRNO(open("mine", O_RDONLY), EACCES);
    return 0;
}

TEST(permissions)
{
    mkdir("locked", 0700);
    put("locked/x", "");
    put("ro", "");
    mkdir("rodir", 0555);
    chmod("locked", 0);
    chmod("ro", 0444);
    CHECK_CHILD(without_rights);
    chmod("locked", 0700);
}

static int too_many(void)
{
    struct rlimit r = { 20, 20 };
    int fd;

    REQUIRE(setrlimit(RLIMIT_NOFILE, &r) == 0);
    while ((fd = open("f", O_RDONLY)) >= 0)
        REQUIRE(fd < 20);
    REQUIRE(errno == EMFILE);
    REQUIRE_ERRNO(open("f", O_RDONLY), EMFILE);
    /* and nothing was done */
    REQUIRE_ERRNO(open("unmade", O_RDWR | O_CREAT | O_EXCL, 0600), EMFILE);
    REQUIRE_ERRNO(access("unmade", F_OK), ENOENT);
    REQUIRE_ERRNO(open("kept", O_RDWR | O_TRUNC), EMFILE);
    REQUIRE_ERRNO(open("absent", O_RDONLY), EMFILE);
    REQUIRE_ERRNO(open("", O_RDONLY), ENOENT);
    REQUIRE_ERRNO(open((void *)8, O_RDONLY), EFAULT);
    REQUIRE_ERRNO(open("/", O_TMPFILE | O_RDONLY), EINVAL);
    return 0;
}

TEST(descriptors_run_out)
{
    struct stat st;
    int fd = open("kept", O_RDWR | O_CREAT, 0600);

    CHECK(fd >= 0 && write(fd, "abc", 3) == 3 && close(fd) == 0);
    CHECK_CHILD(too_many);
    CHECK(stat("kept", &st) == 0 && st.st_size == 3);
}

TEST(close_on_exec_is_remembered)
{
    int fd = open("f", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    CHECK_ERRNO(close(fd), EBADF);
}

TEST(a_socket_or_absent_device_cannot_be_opened)
{
    if (mknod("sock", S_IFSOCK | 0600, 0)) {
    }
    CHECK_ERRNO(open("sock", O_RDONLY), ENXIO);
    CHECK_ERRNO(open("sock", O_RDWR), ENXIO);
}

FILES_MAIN
