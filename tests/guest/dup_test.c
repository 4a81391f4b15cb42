/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dup(2), dup2(2), dup3(2)
 *
 * covers: dup, dup2, dup3
 */
#include <sys/resource.h>

#include "files.h"

TEST(copies_share_what_is_open)
{
    put("f", "0123");
    int fd = open("f", O_RDONLY | O_CLOEXEC), copy = dup(fd);
    char c;
    CHECK_EQ(copy, fd + 1);
    CHECK_EQ(fcntl(copy, F_GETFD), 0);
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(read(copy, &c, 1), 1);
    CHECK_EQ(c, '1');
    CHECK_EQ(dup2(fd, 100), 100);
    CHECK_EQ(dup2(fd, fd), fd);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(dup3(fd, 101, O_CLOEXEC), 101);
    CHECK_EQ(fcntl(101, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(dup2(fd, 101), 101);
    CHECK_EQ(fcntl(101, F_GETFD), 0);
    CHECK_EQ(fcntl(fd, F_DUPFD, 50), 50);
    CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 50), 51);
    CHECK_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
    close(fd), close(copy), close(50), close(51), close(100), close(101);
}

static int limited(void)
{
    struct rlimit r = { 10, 10 };

    REQUIRE(setrlimit(RLIMIT_NOFILE, &r) == 0);
    REQUIRE_ERRNO(dup2(1, 10), EBADF);
    REQUIRE_ERRNO(fcntl(1, F_DUPFD, 10), EINVAL);
    while (dup(1) >= 0) {
    }
    REQUIRE(errno == EMFILE);
    REQUIRE(dup2(1, 9) == 9);
    return 0;
}

TEST(errors)
{
    CHECK_ERRNO(dup(-1), EBADF);
    CHECK_ERRNO(dup(999), EBADF);
    CHECK_ERRNO(dup2(999, 1), EBADF);
    CHECK_ERRNO(dup2(999, 999), EBADF);
    CHECK_ERRNO(dup2(1, -1), EBADF);
    CHECK_ERRNO(dup3(1, 1, 0), EINVAL);
    CHECK_ERRNO(dup3(1, 5, O_NONBLOCK), EINVAL);
    CHECK_ERRNO(fcntl(1, F_DUPFD, -1), EINVAL);
    CHECK_CHILD(limited);
}

FILES_MAIN
