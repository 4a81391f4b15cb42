/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readv(2), writev(2), preadv(2), pwritev(2), preadv2(2), pwritev2(2)
 *
 * covers: readv, writev, preadv, pwritev, preadv2, pwritev2
 */
#include "files.h"

static char a[4], b[4];
static struct iovec iov[3] = {
    {a,     2},
    { NULL, 0},
    { b,    4}
};

TEST(pieces_are_filled_in_order)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    struct iovec out[2] = {
        {"012",      3},
        { "3456789", 7}
    };
    CHECK_EQ(writev(fd, out, 2), 10);
    CHECK(has("f", "0123456789"));
    lseek(fd, 1, SEEK_SET);
    CHECK_EQ(readv(fd, iov, 3), 6);
    CHECK(memcmp(a, "12", 2) == 0 && memcmp(b, "3456", 4) == 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    CHECK_EQ(readv(fd, iov, 3), 3);
    CHECK_EQ(preadv(fd, iov, 3, 4), 6);
    CHECK(memcmp(a, "45", 2) == 0);
    CHECK_EQ(pwritev(fd, out, 1, 8), 3);
    CHECK(has("f", "01234567012"));
    CHECK_EQ(readv(fd, iov, 0), 0);
    close(fd);
}

TEST(many_pieces_fit)
{
    static char bytes[1024];
    static struct iovec many[1025];
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){ &bytes[i % 1024], 1 };
    int fd = open("many", O_CREAT | O_RDWR, 0600);
    CHECK_EQ(writev(fd, many, 1024), 1024);
    CHECK_ERRNO(writev(fd, many, 1025), EINVAL);
    close(fd);
}

TEST(errors)
{
    int fd = open("f", O_RDWR), r = open("f", O_RDONLY), p[2];
    struct iovec bad = { a, (size_t)-1 }, huge[2] = { { a, 1 }, { NOWHERE, 1 } };
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(readv(fd, NOWHERE, 1), EFAULT);
    CHECK_ERRNO(readv(fd, &bad, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_readv, fd, iov, -1L), EINVAL);
    CHECK_ERRNO(readv(-1, iov, 1), EBADF);
    CHECK_ERRNO(writev(r, iov, 1), EBADF);
    CHECK_ERRNO(preadv(fd, iov, 1, -1), EINVAL);
    CHECK_ERRNO(preadv(p[0], iov, 1, 0), ESPIPE);
    CHECK_ERRNO(pwritev(p[1], iov, 1, 0), ESPIPE);
    CHECK_EQ(readv(fd, huge, 2), 1);
    close(fd), close(r), close(p[0]), close(p[1]);
}

TEST(flags_of_the_second_forms)
{
    int fd = open("g", O_CREAT | O_RDWR, 0600);
    struct iovec x = { "x", 1 };
    put("g", "abc");
    CHECK_EQ(pwritev2(fd, &x, 1, -1, 0), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
    CHECK_EQ(pwritev2(fd, &x, 1, 0, 0x10 /* RWF_APPEND */), 1);
    CHECK(has("g", "xbcx"));
    CHECK_EQ(pwritev2(fd, &x, 1, 1, 4 /* RWF_SYNC */), 1);
    CHECK(has("g", "xxcx"));
    CHECK_EQ(preadv2(fd, iov, 1, 2, 0), 2);
    /* Not every file system writes without waiting; where it does, it is at the end. */
    lseek(fd, 0, SEEK_SET);
    if (pwritev2(fd, &x, 1, -1, 0x18 /* RWF_APPEND | RWF_NOWAIT */) == 1)
        CHECK(has("g", "xxcxx"));
    else
        CHECK(has("g", "xxcx"));
    CHECK_ERRNO(preadv2(fd, iov, 1, 0, 1 << 30), EOPNOTSUPP);
    CHECK_ERRNO(preadv2(fd, iov, 1, -2, 0), EINVAL);
    close(fd);
}

FILES_MAIN
