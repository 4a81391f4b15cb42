/* SPDX-License-Identifier: Apache-2.0 */
#include "base/host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/panic.h"

static int file;

static void setup(void)
{
    file = host_memfd_create("test", 0);
    cr_assert_geq(file, 0);
}

Test(host, failures_are_negative_errnos)
{
    char byte;
    void *p = NULL;

    cr_assert_eq(host_read(-1, &byte, 1), -EBADF);
    cr_assert_eq(host_lseek(-1, 0, SEEK_SET), -EBADF);
    cr_assert_eq(host_mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p), -EINVAL);
    cr_assert_null(p);
}

Test(host, vectors_go_by_position_or_by_offset, .init = setup)
{
    char a[2], b[3];
    struct iovec out[] = { { "he", 2 }, { "llo", 3 } }, in[] = { { a, 2 }, { b, 3 } };

    cr_assert_eq(host_writev(file, out, 2), 5);
    cr_assert_eq(host_readv(file, in, 2), 0);
    cr_assert_eq(host_preadv(file, in, 2, 0), 5);
    cr_assert(!memcmp(a, "he", 2) && !memcmp(b, "llo", 3));
    cr_assert_eq(host_pwritev(file, out, 1, 3), 2);
    cr_assert_eq(host_preadv(file, in, 2, -1), -EINVAL);
    cr_assert_eq(host_pread(file, b, 3, 2), 3);
    cr_assert_arr_eq(b, "lhe", 3);
    int p[2];
    cr_assert_eq(host_socketpair(SOCK_STREAM, p), 0);
    cr_assert_eq(host_writev(p[0], out, 2), 5);
    cr_assert_eq(host_readv(p[1], in, 2), 5);
}

Test(host, a_full_read_stops_at_the_end, .init = setup)
{
    char buf[8];

    cr_assert_eq(host_write_full(file, "hello", 5), 5);
    cr_assert_eq(host_lseek(file, 0, SEEK_SET), 0);
    cr_assert_eq(host_read_full(file, buf, sizeof buf), 5);
}

Test(host, a_scoped_descriptor_closes_and_a_kept_one_stays)
{
    int kept, closed;

    {
        scoped_fd int a = host_eventfd(0, 0), b = host_eventfd(0, 0), none = -1;
        (void)none;
        kept = keep_fd(&a);
        closed = b;
        cr_assert_eq(a, -1);
    }
    cr_assert_eq(fcntl(closed, F_GETFD), -1);
    cr_assert(fcntl(kept, F_GETFD) & FD_CLOEXEC);
}

Test(host, closing_twice_is_a_panic, .signal = SIGABRT)
{
    int fd = host_eventfd(0, 0);

    host_close(fd);
    host_close(fd);
}

Test(host, an_opened_file_is_closed_on_exec)
{
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY };
    scoped_fd int fd = host_openat2(AT_FDCWD, "/", &how);

    cr_assert_geq(fd, 0);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(host_openat2(AT_FDCWD, "/no such file", &how), -ENOENT);
}

Test(host, a_futex_tells_why_it_woke)
{
    _Atomic uint32_t word = 1;

    cr_assert_eq(host_futex_wait(&word, 2, NSEC_NEVER), -EAGAIN);
    cr_assert_eq(host_futex_wait(&word, 1, 0), -ETIMEDOUT);
    cr_assert_eq(host_futex_wait_shared(&word, 1, -5), -ETIMEDOUT);
    cr_assert_eq(host_futex_wake(&word, 1), 0);
}

Test(host, randomness_differs)
{
    unsigned char a[32] = { 0 }, b[32] = { 0 };

    host_getrandom(a, sizeof a);
    host_getrandom(b, sizeof b);
    cr_assert_arr_neq(a, b, sizeof a);
}
