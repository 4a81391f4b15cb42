/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/core/hostfd.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentry/core/limits.h"
#include "sentry/core/rng.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

Test(hostfd, numbers_lead_to_descriptors_and_are_used_again)
{
    struct arena *a;
    hostfd_t h[3], again;
    int err = arena_create(1 << 20, &a);

    cr_assert_eq(err, 0);
    cr_assert_eq(hostfds_create(a), 0);
    cr_assert_eq(hostfd_get(a, HOSTFD_NONE), -1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(hostfd_add(a, memfd_create("x", MFD_CLOEXEC), &h[i]), 0);
    int fd = hostfd_get(a, h[1]);
    cr_assert(is_open(fd));
    hostfd_del(a, h[1]);
    hostfd_del(a, HOSTFD_NONE);
    cr_assert_not(is_open(fd));
    cr_assert_eq(hostfd_get(a, h[1]), -1);
    cr_assert_eq(hostfd_add(a, memfd_create("y", MFD_CLOEXEC), &again), 0);
    cr_assert_eq(again.n, h[1].n);
    fd = hostfd_get(a, h[2]);
    hostfds_destroy(a);
    cr_assert_not(is_open(fd));
    arena_destroy(a);
}

Test(rng, a_seeded_sequence_repeats)
{
    struct arena *a;
    struct rng r;
    int err = arena_create(1 << 20, &a);

    cr_assert_eq(err, 0);
    arena_set_host(a, HOST_RNG, &r);
    rng_init_seeded(&r, 7);
    uint64_t x = rng_u64(a), y = rng_u64(a);
    rng_init_seeded(&r, 7);
    cr_assert_eq(rng_u64(a), x);
    cr_assert_neq(x, y);
    rng_init_host(&r);
    cr_assert_neq(rng_u64(a), rng_u64(a));
    arena_destroy(a);
}

Test(limits, start_as_linux_has_them)
{
    struct limits l, m;

    limits_init(&l);
    cr_assert_eq(limit_soft(&l, RLIMIT_STACK), 8 << 20);
    cr_assert_eq(limit_soft(&l, RLIMIT_NOFILE), 1024);
    cr_assert_eq(limit_hard(&l, RLIMIT_AS), LIMIT_INFINITY);
    limit_set(&l, RLIMIT_AS, 5, 6);
    limits_copy(&m, &l);
    cr_assert_eq(limit_soft(&m, RLIMIT_AS), 5);
    cr_assert_eq(limit_hard(&m, RLIMIT_AS), 6);
}
