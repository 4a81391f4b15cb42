/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pread(2), pwrite(2)
 *
 * covers: pread64, pwrite64
 */
#include "files.h"

TEST(the_position_does_not_move)
{
    char buf[8] = "";
    put("f", "0123456789");
    int fd = open("f", O_RDWR);
    CHECK_EQ(pread(fd, buf, 3, 4), 3);
    CHECK(strcmp(buf, "456") == 0);
    CHECK_EQ(pwrite(fd, "xy", 2, 9), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK(has("f", "012345678xy"));
    CHECK_EQ(pread(fd, buf, 3, 11), 0);
    CHECK_EQ(pread(fd, buf, 3, 1000), 0);
    close(fd);
}

TEST(append_wins_over_the_position)
{
    int fd = open("f", O_WRONLY | O_APPEND);
    CHECK_EQ(pwrite(fd, "!", 1, 0), 1);
    CHECK(has("f", "012345678xy!"));
    close(fd);
}

TEST(errors)
{
    char c;
    int p[2], d = open(".", O_RDONLY), fd = open("f", O_RDWR), r = open("f", O_RDONLY);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(pread(p[0], &c, 1, 0), ESPIPE);
    CHECK_ERRNO(pwrite(p[1], &c, 1, 0), ESPIPE);
    CHECK_ERRNO(pread(fd, &c, 1, -1), EINVAL);
    CHECK_ERRNO(pwrite(fd, &c, 1, -1), EINVAL);
    CHECK_ERRNO(pread(-1, &c, 1, -1), EINVAL);
    CHECK_ERRNO(pread(-1, &c, 1, 0), EBADF);
    CHECK_ERRNO(pwrite(r, &c, 1, 0), EBADF);
    CHECK_ERRNO(pread(d, &c, 1, 0), EISDIR);
    CHECK_ERRNO(pread(fd, NOWHERE, 1, 0), EFAULT);
    CHECK_ERRNO(pwrite(fd, NOWHERE, 1, 0), EFAULT);
    close(d), close(fd), close(r), close(p[0]), close(p[1]);
}

FILES_MAIN
