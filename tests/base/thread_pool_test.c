/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread_pool.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/host.h"

#define BODIES 40

static _Atomic uint32_t ended, open_gate;
static _Atomic int tids[BODIES];

static void await_word(_Atomic uint32_t *word, uint32_t least)
{
    uint32_t now;

    while ((now = atomic_load(word)) < least) {
        int err = host_futex_wait(word, now, NSEC_NEVER);
        cr_assert(!err || err == -EAGAIN || err == -EINTR);
    }
}

static void note_thread(void *arg)
{
    atomic_store((_Atomic int *)arg, (int)host_gettid());
    atomic_fetch_add(&ended, 1);
    host_futex_wake(&ended, 1);
}

static void wait_at_gate(void *arg)
{
    await_word(&open_gate, 1);
    note_thread(arg);
}

Test(thread_pool, a_thread_is_used_again)
{
    struct thread_pool *p = thread_pool_create();
    bool again = false;

    cr_assert(p);
    for (int i = 0; i < BODIES; i++) {
        cr_assert_eq(thread_pool_start(p, note_thread, (void *)&tids[i]), 0);
        await_word(&ended, (uint32_t)i + 1);
        host_sched_yield(); /* it joins the pool after it has told us */
        again |= i > 0 && atomic_load(&tids[i]) == atomic_load(&tids[i - 1]);
    }
    cr_assert(again);
    thread_pool_destroy(p);
}

Test(thread_pool, bodies_run_at_the_same_time)
{
    struct thread_pool *p = thread_pool_create();

    cr_assert(p);
    for (int i = 0; i < BODIES; i++)
        cr_assert_eq(thread_pool_start(p, wait_at_gate, (void *)&tids[i]), 0);
    atomic_store(&open_gate, 1);
    host_futex_wake(&open_gate, BODIES);
    await_word(&ended, BODIES);
    for (int i = 0; i < BODIES; i++) {
        for (int j = 0; j < i; j++)
            cr_assert_neq(atomic_load(&tids[i]), atomic_load(&tids[j]));
    }
    thread_pool_destroy(p);
}

Test(thread_pool, goes_while_a_body_runs)
{
    struct thread_pool *p = thread_pool_create();

    cr_assert(p);
    cr_assert_eq(thread_pool_start(p, wait_at_gate, (void *)&tids[0]), 0);
    thread_pool_destroy(p);
    atomic_store(&open_gate, 1);
    host_futex_wake(&open_gate, 1);
    await_word(&ended, 1);
}
