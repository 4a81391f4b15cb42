/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(2): what all files know. */
#include <linux/fs.h>

#include "files.h"

TEST(descriptor_flags)
{
    put("f", "0123456789");
    int fd = open("f", O_RDONLY), on = 1, off = 0, n = 0;
    CHECK(ioctl(fd, FIOCLEX) == 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(ioctl(fd, FIONCLEX) == 0);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK(ioctl(fd, FIONBIO, &on) == 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(ioctl(fd, FIONBIO, &off) == 0);
    CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    lseek(fd, 3, SEEK_SET);
    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    CHECK_EQ(n, 7);
    CHECK(ioctl(fd, FIGETBSZ, &n) == 0);
    CHECK(n > 0);
    close(fd);
}

TEST(errors)
{
    int fd = open("f", O_RDONLY), path = open("f", O_PATH), n;
    CHECK_ERRNO(ioctl(-1, FIOCLEX), EBADF);
    CHECK_ERRNO(ioctl(path, FIOCLEX), EBADF);
    CHECK_ERRNO(ioctl(fd, 0x12345678, &n), ENOTTY);
    CHECK_ERRNO(ioctl(fd, 0x5401 /* TCGETS */, &n), ENOTTY);
    CHECK_ERRNO(ioctl(fd, FIONBIO, NOWHERE), EFAULT);
    CHECK_ERRNO(ioctl(fd, FIONREAD, NOWHERE), EFAULT);
    close(fd), close(path);
}

FILES_MAIN
