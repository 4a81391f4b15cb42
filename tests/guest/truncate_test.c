/* SPDX-License-Identifier: Apache-2.0 */
/*
 * truncate(2), ftruncate(2)
 *
 * covers: truncate, ftruncate
 */
#include <sys/mman.h>

#include "files.h"

TEST(sizes_change_and_zeroes_come)
{
    put("f", "0123456789");
    CHECK(truncate("f", 4) == 0);
    CHECK(has("f", "0123"));
    int fd = open("f", O_RDWR);
    CHECK(ftruncate(fd, 6) == 0);
    char buf[8];
    CHECK_EQ(pread(fd, buf, 8, 0), 6);
    CHECK(memcmp(buf, "0123\0\0", 6) == 0);
    CHECK(ftruncate(fd, 1 << 20) == 0);
    CHECK_EQ(stat_of("f").st_size, 1 << 20);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    close(fd);
}

TEST(a_mapping_loses_what_is_cut_off)
{
    put("m", "abc");
    int fd = open("m", O_RDWR);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    p[2] = 'X';
    CHECK(ftruncate(fd, 2) == 0);
    CHECK(ftruncate(fd, 4) == 0);
    CHECK(memcmp(p, "ab\0\0", 4) == 0);
    munmap(p, 4096);
    close(fd);
}

TEST(errors)
{
    mkdir("d", 0755);
    put("f", "x");
    int r = open("f", O_RDONLY), p[2], d = open("d", O_RDONLY);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(truncate("none", 0), ENOENT);
    CHECK_ERRNO(truncate("", 0), ENOENT);
    CHECK_ERRNO(truncate("d", 0), EISDIR);
    CHECK_ERRNO(truncate("f", -1), EINVAL);
    CHECK_ERRNO(truncate("f/x", 0), ENOTDIR);
    CHECK_ERRNO(truncate(NOWHERE, 0), EFAULT);
    CHECK(mknod("fifo", S_IFIFO | 0600, 0) == 0);
    CHECK_ERRNO(truncate("fifo", 0), EINVAL);
    CHECK_ERRNO(ftruncate(r, 0), EINVAL);
    CHECK_ERRNO(ftruncate(d, 0), EINVAL);
    CHECK_ERRNO(ftruncate(p[1], 0), EINVAL);
    CHECK_ERRNO(ftruncate(-1, 0), EBADF);
    CHECK_ERRNO(ftruncate(r, -1), EINVAL);
    close(r), close(d), close(p[0]), close(p[1]);
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(truncate("ro", 0), EACCES);
    return 0;
}

TEST(permissions)
{
    put("ro", "x");
    chmod("ro", 0444);
    CHECK_CHILD(without_rights);
}

FILES_MAIN
