/* SPDX-License-Identifier: Apache-2.0 */
/* New stubs: processes that are on their way to their first turn. */
#include <pthread.h>

#define PLATFORM platform_systrap
#include "platform-systrap/systrap_priv.h"
#include "tests/platform/rig.h"

#define FRESH 100

struct fresh {
    struct rig *r;
    pthread_t thread;
    _Atomic(struct guest_thread *) t;
    atomic_bool let_go;
};

static void *compute(void *arg)
{
    struct fresh *f = arg;
    struct guest_regs regs = rig_regs(CODE_AT);
    struct guest_thread *t;
    struct guest_stop stop;

    cr_assert_eq(OPS->thread_create(f->r->p, &t), 0);
    atomic_store(&f->t, t);
    cr_assert_eq(OPS->run(t, f->r->as, &regs, &stop), 0);
    cr_assert_eq(stop.why, STOP_INTERRUPT);
    atomic_store(&f->t, NULL);
    while (!atomic_load(&f->let_go))
        usleep(1000);
    OPS->thread_destroy(t); /* not before: its stub would be the next one's */
    return NULL;
}

static void wait_until(nsec_t when)
{
    while (host_clock_gettime(CLOCK_MONOTONIC) < when)
        ;
}

/* From when run() counts on a signal; the new process may not have come to life by then. */
Test(fresh, an_interrupt_reaches_who_is_not_ready, .timeout = 60)
{
    struct fresh f[FRESH];
    struct guest_thread *t;
    nsec_t worst = 0;
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\xeb\xfe"); /* jmp . */
    for (size_t i = 0; i < FRESH; i++) {
        f[i] = (struct fresh){ .r = &r };
        cr_assert_eq(pthread_create(&f[i].thread, NULL, compute, &f[i]), 0);
        while (!(t = atomic_load(&f[i].t)))
            ;
        while (atomic_load(&t->state) != THREAD_IN)
            ;
        nsec_t since = host_clock_gettime(CLOCK_MONOTONIC);
        wait_until(since + i % 10 * 20 * NSEC_PER_USEC);
        OPS->interrupt(t);
        while (atomic_load(&f[i].t))
            sched_yield();
        worst = max(worst, host_clock_gettime(CLOCK_MONOTONIC) - since);
    }
    cr_assert_lt(worst, NSEC_PER_SEC * 9 / 10, "it was seen by a look after a second");
    for (size_t i = 0; i < FRESH; i++) {
        atomic_store(&f[i].let_go, true);
        cr_assert_eq(pthread_join(f[i].thread, NULL), 0);
    }
    rig_stop(&r);
}
