/* SPDX-License-Identifier: Apache-2.0 */
/* lseek(2) */
#include "files.h"

TEST(positions)
{
    put("f", "0123456789");
    int fd = open("f", O_RDONLY);
    CHECK_EQ(lseek(fd, 5, SEEK_SET), 5);
    CHECK_EQ(lseek(fd, -2, SEEK_CUR), 3);
    CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
    CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, -11, SEEK_END), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
    CHECK_ERRNO(lseek(-1, 0, SEEK_SET), EBADF);
    close(fd);
}

TEST(data_and_holes)
{
    int fd = open("f", O_RDONLY);
    CHECK_EQ(lseek(fd, 3, SEEK_DATA), 3);
    CHECK_EQ(lseek(fd, 3, SEEK_HOLE), 10);
    CHECK_ERRNO(lseek(fd, 10, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, 11, SEEK_HOLE), ENXIO);
    CHECK_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
    close(fd);
}

TEST(pipes_have_no_position)
{
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(lseek(p[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERRNO(lseek(p[1], 0, SEEK_SET), ESPIPE);
    close(p[0]), close(p[1]);
}

TEST(directories_rewind)
{
    char buf[4096];
    int d = open(".", O_RDONLY);
    long n = syscall(SYS_getdents64, d, buf, sizeof buf);
    CHECK(n > 0);
    CHECK_EQ(syscall(SYS_getdents64, d, buf, sizeof buf), 0);
    CHECK_EQ(lseek(d, 0, SEEK_SET), 0);
    CHECK_EQ(syscall(SYS_getdents64, d, buf, sizeof buf), n);
    close(d);
}

FILES_MAIN
