/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting without sleeping: it ends by itself, and soon after the word has changed. */
#define PLATFORM platform_systrap
#include <pthread.h>

#include "tests/platform/rig.h"

#define TIMES 1000

static nsec_t now(void)
{
    return host_clock_gettime(CLOCK_MONOTONIC);
}

Test(linger, ends_by_itself, .timeout = 60)
{
    _Atomic uint32_t word = 7;
    struct rig r;

    rig_start(&r);
    nsec_t since = now();
    for (int i = 0; i < TIMES; i++)
        OPS->linger(r.t, &word, 7);
    cr_assert_lt(now() - since, 10 * NSEC_PER_SEC);
    rig_stop(&r);
}

Test(linger, that_never_pays_is_soon_left_off, .timeout = 60)
{
    _Atomic uint32_t word = 7;
    nsec_t cpu, before;
    struct rig r;

    rig_start(&r);
    cr_assert_eq(host_process_time(getpid(), &before), 0);
    for (int i = 0; i < TIMES; i++)
        OPS->linger(r.t, &word, 7);
    cr_assert_eq(host_process_time(getpid(), &cpu), 0);
    /* 50 µs each, if it had learned nothing */
    cr_assert_lt(cpu - before, TIMES * 20 * NSEC_PER_USEC);
    rig_stop(&r);
}

struct player {
    struct platform *p;
    _Atomic uint32_t *word;
    uint32_t mine;
};

/* Changes the word each time that the other has. */
static void *play(void *arg)
{
    struct player *me = arg;
    struct guest_thread *t;

    cr_assert_eq(OPS->thread_create(me->p, &t), 0);
    for (int i = 0; i < TIMES; i++) {
        while (atomic_load(me->word) != me->mine)
            OPS->linger(t, me->word, !me->mine);
        atomic_store(me->word, !me->mine);
    }
    OPS->thread_destroy(t);
    return NULL;
}

Test(linger, two_hand_a_word_to_and_fro, .timeout = 60)
{
    _Atomic uint32_t word = 0;
    struct rig r;
    pthread_t other;

    rig_start(&r);
    struct player a = { r.p, &word, 0 }, b = { r.p, &word, 1 };
    cr_assert_eq(pthread_create(&other, NULL, play, &b), 0);
    play(&a);
    pthread_join(other, NULL);
    cr_assert_eq(atomic_load(&word), 0);
    rig_stop(&r);
}

Test(linger, is_left_off_where_nobody_may_spin, .timeout = 60)
{
    struct platform_options opts = { .no_spin = true };
    _Atomic uint32_t word = 7;
    struct platform *p;
    struct guest_thread *t;
    nsec_t cpu, before;

    opts.ram_fd = host_memfd_create("ram", 0);
    cr_assert_eq(OPS->create(&opts, &p), 0);
    cr_assert_eq(OPS->thread_create(p, &t), 0);
    cr_assert_eq(host_process_time(getpid(), &before), 0);
    for (int i = 0; i < TIMES; i++)
        OPS->linger(t, &word, 7);
    cr_assert_eq(host_process_time(getpid(), &cpu), 0);
    cr_assert_lt(cpu - before, 5 * NSEC_PER_MSEC);
    OPS->thread_destroy(t);
    OPS->destroy(p);
    host_close(opts.ram_fd);
}
