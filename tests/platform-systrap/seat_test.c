/* SPDX-License-Identifier: Apache-2.0 */
/* Many guests that make one call after the other: they do so by turns, and none is left behind. */
#define PLATFORM platform_systrap
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/platform/rig.h"

#define GUESTS 12 /* more than the processors where this is run as a rule */
#define CALLS  3000
#define NAP_US 2000000

struct talker {
    struct rig *r;
    pthread_t thread;
    int naps_at; /* the call after which it sleeps in the sentry, and tells nobody */
    nsec_t done;
};

static nsec_t now(void)
{
    return host_clock_gettime(CLOCK_MONOTONIC);
}

static void *talk(void *arg)
{
    struct talker *me = arg;
    struct guest_regs regs = rig_regs(CODE_AT);
    struct guest_stop stop;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(me->r->p, &t), 0);
    for (int i = 1; i <= CALLS; i++) {
        regs.rax = SYS_getppid;
        cr_assert_eq(OPS->run(t, me->r->as, &regs, &stop), 0);
        cr_assert_eq(stop.why, STOP_SYSCALL);
        if (i == me->naps_at)
            usleep(NAP_US);
    }
    me->done = now();
    OPS->thread_destroy(t);
    return NULL;
}

/* All talk; the first one naps where it is told to. */
static void all_talk(struct talker *talkers, int naps_at)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc"); /* 1: syscall; jmp 1b */
    for (int i = 0; i < GUESTS; i++) {
        talkers[i] = (struct talker){ .r = &r, .naps_at = i == 0 ? naps_at : 0 };
        cr_assert_eq(pthread_create(&talkers[i].thread, NULL, talk, &talkers[i]), 0);
    }
    for (int i = 0; i < GUESTS; i++)
        pthread_join(talkers[i].thread, NULL);
    rig_stop(&r);
}

Test(seat, who_talks_among_many_gets_on, .timeout = 120)
{
    struct talker talkers[GUESTS];

    all_talk(talkers, 0);
    for (int i = 0; i < GUESTS; i++)
        cr_assert_gt(talkers[i].done, 0);
}

Test(seat, who_sleeps_with_one_keeps_nobody_from_talking, .timeout = 120)
{
    struct talker talkers[GUESTS];
    nsec_t first = NSEC_NEVER;

    all_talk(talkers, CALLS / 2);
    for (int i = 1; i < GUESTS; i++)
        first = min(first, talkers[i].done);
    cr_assert_lt(first, talkers[0].done);
}
