/* SPDX-License-Identifier: Apache-2.0 */
/* The devices that are memory: null(4), full(4), random(4). */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/random.h>

#include "tests/guest/lib.h"

static void *volatile bad = (void *)8;
static unsigned char a[70000], b[70000];

static bool is_zero(const unsigned char *p, size_t n)
{
    while (n > 0)
        if (p[--n])
            return false;
    return true;
}

static int device(const char *name, unsigned number)
{
    struct stat st;
    int f = open(name, O_RDWR);

    if (f < 0 || fstat(f, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, number))
        return -1;
    return f;
}

TEST(null)
{
    int f = device("/dev/null", 3);

    CHECK(f >= 0);
    CHECK_EQ(read(f, a, 10), 0);
    CHECK_EQ(write(f, a, sizeof a), sizeof a);
    CHECK_EQ(write(f, bad, 10), 10);
    CHECK_EQ(lseek(f, 100, SEEK_SET), 0);
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, f, 0) == MAP_FAILED ? -1 : 0, ENODEV);
    struct pollfd p = { f, POLLIN | POLLOUT, 0 };
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLIN | POLLOUT);
    int ep = epoll_create1(0);
    struct epoll_event e = { EPOLLIN, { .u64 = 0 } };
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, f, &e), EPERM);
    close(ep);
    close(f);
}

TEST(zero)
{
    int f = device("/dev/zero", 5);

    CHECK(f >= 0);
    memset(a, 1, sizeof a);
    CHECK_EQ(read(f, a, sizeof a), sizeof a);
    CHECK(is_zero(a, sizeof a));
    CHECK_EQ(write(f, a, 10), 10);
    CHECK_ERRNO(read(f, bad, 10), EFAULT);
    unsigned char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
    CHECK(m != MAP_FAILED && is_zero(m, 8192));
    m[5000] = 1;
    CHECK(munmap(m, 8192) == 0);
    close(f);
}

TEST(full)
{
    int f = device("/dev/full", 7);

    CHECK(f >= 0);
    memset(a, 1, 100);
    CHECK_EQ(read(f, a, 100), 100);
    CHECK(is_zero(a, 100));
    CHECK_ERRNO(write(f, a, 1), ENOSPC);
    close(f);
}

TEST(urandom)
{
    int bits, f = device("/dev/urandom", 9);

    CHECK(f >= 0);
    CHECK_EQ(read(f, a, 5000), 5000);
    CHECK(!is_zero(a + 4900, 100));
    CHECK_EQ(write(f, "salt", 4), 4);
    CHECK(ioctl(f, RNDGETENTCNT, &bits) == 0);
    CHECK_EQ(bits, 256);
    close(f);
    f = device("/dev/random", 8);
    CHECK(f >= 0);
    CHECK_EQ(read(f, b, 5000), 5000);
    CHECK(memcmp(a, b, 5000) != 0);
    close(f);
}

MAIN
