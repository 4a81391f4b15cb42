/* SPDX-License-Identifier: Apache-2.0 */
/* fallocate(2) */
#include <linux/falloc.h>
#include <sys/resource.h>

#include "files.h"

TEST(room_is_made)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    CHECK(fallocate(fd, 0, 0, 10000) == 0);
    CHECK_EQ(stat_of("f").st_size, 10000);
    CHECK(stat_of("f").st_blocks * 512 >= 10000);
    CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000) == 0);
    CHECK_EQ(stat_of("f").st_size, 10000);
    close(fd);
}

TEST(holes_are_punched)
{
    char buf[8192];
    memset(buf, 'x', sizeof buf);
    int fd = open("g", O_CREAT | O_RDWR, 0600);
    CHECK_EQ(write(fd, buf, 8192), 8192);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000) == 0);
    CHECK_EQ(pread(fd, buf, 8192, 0), 8192);
    CHECK(buf[99] == 'x' && buf[100] == 0 && buf[5099] == 0 && buf[5100] == 'x');
    CHECK_EQ(stat_of("g").st_size, 8192);
    close(fd);
}

static int limited(void)
{
    struct rlimit r = { 1000, 1000 };
    int fd = open("l", O_CREAT | O_RDWR, 0600);

    setrlimit(RLIMIT_FSIZE, &r);
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE_ERRNO(fallocate(fd, 0, 0, 1001), EFBIG);
    REQUIRE(fallocate(fd, 0, 0, 1000) == 0);
    return 0;
}

TEST(errors)
{
    int fd = open("f", O_RDWR), r = open("f", O_RDONLY), p[2], d = open(".", O_RDONLY);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, 0, -1), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0x1000, 0, 10), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(r, 0, 0, 10), EBADF);
    CHECK_ERRNO(fallocate(d, 0, 0, 10), EBADF);
    CHECK_ERRNO(fallocate(-1, 0, 0, 10), EBADF);
    CHECK_ERRNO(fallocate(p[1], 0, 0, 10), ESPIPE);
    CHECK_ERRNO(fallocate(fd, 0, INT64_MAX, 1), EFBIG);
    CHECK_CHILD(limited);
    close(fd), close(r), close(d), close(p[0]), close(p[1]);
}

FILES_MAIN
