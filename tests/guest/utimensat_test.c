/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utimensat(2), futimesat(2), utimes(2), utime(2)
 *
 * covers: utimensat, futimesat, utimes, utime
 */
#include <sys/time.h>
#include <utime.h>

#include "files.h"

TEST(times_are_kept_to_the_nanosecond)
{
    struct timespec ts[2] = {
        {1000, 123456789},
        { -5,  999999999}
    };
    put("f", "");
    CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0);
    struct stat st = stat_of("f");
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    CHECK_EQ(st.st_atim.tv_nsec, 123456789);
    CHECK_EQ(st.st_mtim.tv_sec, -5);
    CHECK_EQ(st.st_mtim.tv_nsec, 999999999);
    ts[0].tv_nsec = UTIME_OMIT;
    ts[1] = (struct timespec){ 2000, 1 };
    CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0);
    CHECK_EQ(stat_of("f").st_atim.tv_sec, 1000);
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 2000);
    ts[1].tv_nsec = UTIME_NOW;
    CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0);
    CHECK(stat_of("f").st_mtim.tv_sec > 1000000000);
    CHECK(utimensat(AT_FDCWD, "f", NULL, 0) == 0);
    CHECK(stat_of("f").st_atim.tv_sec > 1000000000);
}

TEST(the_other_forms)
{
    struct timeval tv[2] = {
        {10,  500000},
        { 20, 1     }
    };
    struct utimbuf u = { 30, 40 };
    struct timespec ts[2] = {
        {50,  0},
        { 60, 0}
    };
    CHECK(utimes("f", tv) == 0);
    CHECK_EQ(stat_of("f").st_atim.tv_nsec, 500000000);
    CHECK_EQ(stat_of("f").st_mtim.tv_nsec, 1000);
    CHECK(utime("f", &u) == 0);
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 40);
    int fd = open("f", O_RDONLY);
    CHECK(futimens(fd, ts) == 0);
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 60);
    close(fd);
    CHECK(symlink("f", "l") == 0);
    CHECK(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_EQ(stat_of("l").st_mtim.tv_sec, 60);
}

TEST(errors)
{
    struct timespec bad[2] = {
        {1,  1000000000},
        { 1, 0         }
    };
    struct timespec omit[2] = {
        {0,  UTIME_OMIT},
        { 0, UTIME_OMIT}
    };
    struct timeval badtv[2] = {
        {1,  1000000},
        { 1, 0      }
    };
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    CHECK_ERRNO(utimes("f", badtv), EINVAL);
    CHECK_ERRNO(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
    CHECK(syscall(SYS_utimensat, AT_FDCWD, "none", omit, 0) == 0);
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", NULL, 0x8000), EINVAL);
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", NOWHERE, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_utimensat, -1, NULL, NULL, 0), EBADF);
    CHECK_ERRNO(utimensat(-1, "f", NULL, 0), EBADF);
}

static int without_rights(void)
{
    struct timespec ts[2] = {
        {1,  0},
        { 1, 0}
    };

    REQUIRE(become_nobody() == 0);
    if (getuid() != NOBODY)
        return 0;
    REQUIRE_ERRNO(utimensat(AT_FDCWD, "ro", ts, 0), EPERM);
    REQUIRE_ERRNO(utimensat(AT_FDCWD, "ro", NULL, 0), EACCES);
    REQUIRE(utimensat(AT_FDCWD, "rw", NULL, 0) == 0);
    REQUIRE_ERRNO(utimensat(AT_FDCWD, "rw", ts, 0), EPERM);
    ts[0].tv_nsec = UTIME_NOW;
    ts[1].tv_nsec = UTIME_OMIT;
    REQUIRE_ERRNO(utimensat(AT_FDCWD, "rw", ts, 0), EPERM);
    return 0;
}

TEST(permissions)
{
    put("ro", "");
    put("rw", "");
    chmod("rw", 0666);
    CHECK_CHILD(without_rights);
}

FILES_MAIN
