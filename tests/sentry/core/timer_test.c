/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/core/timer.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include "base/host.h"
#include "base/lock.h"

static struct arena *a;
static struct virtual_clock vclock;

struct counted {
    struct timer timer;
    _Atomic int fired;
    nsec_t again;           /* arms itself anew, where not 0 */
    _Atomic uint32_t *gate; /* fire() waits until it is not 0 */
};

static void fire(struct timer *t)
{
    struct counted *c = container_of(t, struct counted, timer);

    atomic_fetch_add(&c->fired, 1);
    if (c->gate)
        while (atomic_load(c->gate) == 0)
            host_sched_yield();
    if (c->again)
        timer_arm(a, t, t->at + c->again);
}

static const struct timer_ops ops = { .fire = fire };

static void start(void)
{
    int err = arena_create(1 << 20, &a);
    cr_assert_eq(err, 0);
    virtual_clock_init(&vclock);
    arena_set_host(a, HOST_CLOCK, &vclock.clock);
    cr_assert_eq(timers_create(a), 0);
}

static void stop(void)
{
    timers_destroy(a);
    cr_assert_eq(arena_used(a), 0);
    arena_destroy(a);
}

Test(timer, fires_in_order_when_its_time_has_come, .init = start, .fini = stop)
{
    struct counted c[3] = { 0 };

    for (int i = 0; i < 3; i++) {
        timer_init(&c[i].timer, &ops);
        timer_arm(a, &c[i].timer, 100 * (3 - i));
    }
    cr_assert_eq(timers_run(a, 99), 100);
    cr_assert_eq(c[2].fired, 0);
    cr_assert_eq(timers_run(a, 200), 300);
    cr_assert_eq(c[2].fired + c[1].fired, 2);
    cr_assert_eq(c[0].fired, 0);
    cr_assert(timer_cancel(a, &c[0].timer));
    cr_assert_not(timer_cancel(a, &c[0].timer));
    cr_assert_eq(timers_run(a, 1000), NSEC_NEVER);
    cr_assert_eq(c[0].fired, 0);
}

Test(timer, may_be_moved_and_may_arm_itself, .init = start, .fini = stop)
{
    struct counted c = { .again = 10 };

    timer_init(&c.timer, &ops);
    timer_arm(a, &c.timer, 50);
    timer_arm(a, &c.timer, 20);
    cr_assert_eq(timers_run(a, 45), 50);
    cr_assert_eq(c.fired, 3);
    cr_assert(timer_try_cancel(a, &c.timer));
}

static void *run_loop(void *arg)
{
    (void)arg;
    timers_loop(a);
    return NULL;
}

static void *cancel(void *arg)
{
    struct counted *c = arg;

    timer_cancel(a, &c->timer);
    return NULL;
}

/* The thread sleeps until it is told of an earlier time, and cancel waits for fire(). */
Test(timer, the_loop_wakes_for_what_is_new, .init = start, .fini = stop, .timeout = 20)
{
    _Atomic uint32_t gate = 0;
    struct counted late = { 0 }, soon = { .gate = &gate };
    pthread_t loop, canceller;

    arena_set_host(a, HOST_CLOCK, (void *)(uintptr_t)&clock_real);
    nsec_t now = clock_now(&clock_real, CLOCK_ID_MONOTONIC);
    timer_init(&late.timer, &ops);
    timer_init(&soon.timer, &ops);
    timer_arm(a, &late.timer, nsec_add(now, 3600 * NSEC_PER_SEC));
    cr_assert_eq(pthread_create(&loop, NULL, run_loop, NULL), 0);
    timer_arm(a, &soon.timer, nsec_add(now, NSEC_PER_MSEC));
    while (soon.fired == 0)
        host_sched_yield();
    cr_assert_eq(pthread_create(&canceller, NULL, cancel, &soon), 0);
    atomic_store(&gate, 1);
    pthread_join(canceller, NULL);
    cr_assert_eq(soon.fired, 1);
    cr_assert(timer_cancel(a, &late.timer));
    timers_stop(a);
    pthread_join(loop, NULL);
}
