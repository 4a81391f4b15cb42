/* SPDX-License-Identifier: Apache-2.0 */
/*
 * close(2), close_range(2)
 *
 * covers: close, close_range
 */
#include <linux/close_range.h>

#include "files.h"

static long range(unsigned from, unsigned to, unsigned flags)
{
    return syscall(SYS_close_range, from, to, flags);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

TEST(all_in_the_range_are_closed_and_no_others)
{
    for (int fd = 100; fd < 110; fd++)
        CHECK(dup2(1, fd) == fd);
    CHECK(range(102, 105, 0) == 0);
    CHECK(is_open(101) && !is_open(102) && !is_open(105) && is_open(106));
    CHECK(range(107, 108, CLOSE_RANGE_CLOEXEC) == 0);
    CHECK_EQ(fcntl(107, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(109, F_GETFD), 0);
    CHECK(range(100, ~0u, CLOSE_RANGE_UNSHARE) == 0);
    CHECK(!is_open(100) && !is_open(109) && is_open(1));
    CHECK(range(5000, 6000, 0) == 0);
}

TEST(errors)
{
    CHECK_ERRNO(range(5, 4, 0), EINVAL);
    CHECK_ERRNO(range(5, 6, 1), EINVAL);
    CHECK_ERRNO(close(-1), EBADF);
    CHECK_ERRNO(close(100), EBADF);
    CHECK_ERRNO(close(1 << 30), EBADF);
}

FILES_MAIN
