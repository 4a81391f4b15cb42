/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/core/hostpoll.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

static cpu_set_t seen;
static atomic_uint bits_seen;

static void look(struct hostpoll_watch *w, unsigned bits)
{
    (void)w;
    cr_assert_eq(sched_getaffinity(0, sizeof seen, &seen), 0);
    atomic_store(&bits_seen, bits);
}

static const struct hostpoll_ops looks = { .ready = look };

/* As the platform does it with a thread that shares a processor with its guest. */
static void hold_on_one(const cpu_set_t *all)
{
    cpu_set_t one;
    int cpu = 0;

    while (!CPU_ISSET(cpu, all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
}

Test(hostpoll, runs_on_any_processor_whoever_starts_it, .timeout = 20)
{
    struct hostpoll_watch watch;
    struct arena *a;
    cpu_set_t all;
    hostfd_t h;
    int err = arena_create(1 << 20, &a), fd = eventfd(0, EFD_NONBLOCK);

    cr_assert_eq(err, 0);
    cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
    cr_assert_eq(hostfds_create(a), 0);
    cr_assert_eq(hostpoll_create(a), 0);
    cr_assert_eq(hostfd_add(a, fd, &h), 0);
    hostpoll_watch_init(&watch, &looks);
    hold_on_one(&all);
    cr_assert_eq(hostpoll_arm(a, &watch, h, POLLIN), 0);
    cr_assert_eq(write(fd, &(uint64_t){ 1 }, sizeof(uint64_t)), 8);
    while (!atomic_load(&bits_seen))
        usleep(1000);
    cr_assert_eq(atomic_load(&bits_seen), POLLIN);
    cr_assert(CPU_EQUAL(&seen, &all), "%d processors of %d", CPU_COUNT(&seen), CPU_COUNT(&all));
    hostpoll_destroy(a);
    hostfds_destroy(a);
    arena_destroy(a);
}
