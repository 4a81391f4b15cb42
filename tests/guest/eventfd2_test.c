/* SPDX-License-Identifier: Apache-2.0 */
/* covers: eventfd */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "tests/guest/lib.h"

static short ready(int fd)
{
    struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

TEST(a_read_takes_all)
{
    uint64_t n = 5;
    int f = eventfd(3, EFD_NONBLOCK);

    CHECK(f >= 0);
    CHECK_EQ(write(f, &n, 8), 8);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK_EQ(n, 8);
    CHECK_ERRNO(read(f, &n, 8), EAGAIN);
    close(f);
}

TEST(a_semaphore_gives_one)
{
    uint64_t n;
    int f = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);

    CHECK_EQ(read(f, &n, 8), 8);
    CHECK_EQ(n, 1);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK_ERRNO(read(f, &n, 8), EAGAIN);
    close(f);
}

TEST(sizes_and_values_are_checked)
{
    uint64_t n = UINT64_MAX;
    char b[16];
    int f = eventfd(0, EFD_NONBLOCK);

    CHECK_ERRNO(write(f, &n, 8), EINVAL);
    CHECK_ERRNO(write(f, &n, 7), EINVAL);
    CHECK_ERRNO(read(f, &n, 7), EINVAL);
    n = 1;
    CHECK_EQ(write(f, &n, 8), 8);
    CHECK_EQ(read(f, b, 16), 8);
    n = UINT64_MAX - 1;
    CHECK_EQ(ready(f), POLLOUT);
    CHECK_EQ(write(f, &n, 8), 8);
    CHECK_EQ(ready(f), POLLIN);
    n = 1;
    CHECK_ERRNO(write(f, &n, 8), EAGAIN);
    CHECK_ERRNO(eventfd(0, 4), EINVAL);
    CHECK_EQ(lseek(f, 3, SEEK_SET), 0);
    close(f);
    f = (int)syscall(SYS_eventfd, 7);
    CHECK_EQ(ready(f), POLLIN | POLLOUT);
    close(f);
}

static void *writer(void *arg)
{
    uint64_t n = 9;
    usleep(10000);
    return write(*(int *)arg, &n, 8) == 8 ? arg : NULL;
}

TEST(a_blocking_read_waits)
{
    uint64_t n = 0;
    int f = eventfd(0, 0);
    pthread_t t;
    void *ok;

    CHECK(pthread_create(&t, NULL, writer, &f) == 0);
    CHECK_EQ(read(f, &n, 8), 8);
    CHECK_EQ(n, 9);
    CHECK(pthread_join(t, &ok) == 0 && ok);
    close(f);
}

MAIN
