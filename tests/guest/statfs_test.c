/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statfs(2), fstatfs(2), ustat(2)
 *
 * covers: statfs, fstatfs, ustat
 */
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "files.h"

TEST(both_forms_say_the_same)
{
    struct statfs a, b;
    int d = open(".", O_RDONLY);
    CHECK(statfs(".", &a) == 0);
    CHECK(fstatfs(d, &b) == 0);
    CHECK_EQ(a.f_type, b.f_type);
    CHECK_EQ(a.f_bsize, b.f_bsize);
    CHECK_EQ(a.f_namelen, 255);
    CHECK(a.f_blocks >= a.f_bfree && a.f_bfree >= a.f_bavail);
    CHECK(statfs("/proc", &a) == 0);
    CHECK_EQ(a.f_type, PROC_SUPER_MAGIC);
    close(d);
}

TEST(pipes_have_a_file_system_too)
{
    struct statfs a;
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK(fstatfs(p[0], &a) == 0);
    close(p[0]), close(p[1]);
}

TEST(errors)
{
    struct statfs a;
    char buf[64];
    put("f", "");
    CHECK_ERRNO(statfs("none", &a), ENOENT);
    CHECK_ERRNO(statfs("", &a), ENOENT);
    CHECK_ERRNO(statfs("f/x", &a), ENOTDIR);
    CHECK_ERRNO(statfs(NOWHERE, &a), EFAULT);
    CHECK_ERRNO(syscall(SYS_statfs, ".", NOWHERE), EFAULT);
    CHECK_ERRNO(fstatfs(-1, &a), EBADF);
    CHECK_ERRNO(syscall(SYS_ustat, 0xfffff, buf), EINVAL);
}

FILES_MAIN
