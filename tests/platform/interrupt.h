/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt(): never lost, from any thread. */
#pragma once

#include <pthread.h>

#include "tests/platform/rig.h"

struct kicker {
    struct rig *r;
    pthread_t thread;
    _Atomic uint64_t *sign; /* in guest memory: grows while the guest computes */
    atomic_int kicks;       /* sent */
    atomic_int seen;
    int count;
};

/* Interrupts when the guest has been seen to compute, and again when that was noticed. */
static void *kick(void *arg)
{
    struct kicker *k = arg;

    for (int i = 0; i < k->count; i++) {
        uint64_t was = atomic_load(k->sign);
        while (atomic_load(k->sign) == was)
            sched_yield();
        atomic_fetch_add(&k->kicks, 1);
        OPS->interrupt(k->r->t);
        while (atomic_load(&k->seen) < i + 1)
            sched_yield();
    }
    return NULL;
}

#define SPIN "\x48\xff\x07\xeb\xfb" /* 1: incq (%rdi); jmp 1b */

Test(interrupt, ends_a_guest_that_computes)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, SPIN);
    struct kicker k = { .r = &r, .sign = (_Atomic uint64_t *)(r.ram + DATA_OFF), .count = 200 };
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = DATA_AT;
    cr_assert_eq(pthread_create(&k.thread, NULL, kick, &k), 0);
    for (int i = 0; i < k.count; i++) {
        cr_assert_eq(rig_run(&r, &regs), STOP_INTERRUPT);
        cr_assert_eq(atomic_load(&k.kicks), i + 1);
        cr_assert(regs.rip == CODE_AT || regs.rip == CODE_AT + 3);
        atomic_store(&k.seen, i + 1);
    }
    cr_assert_eq(pthread_join(k.thread, NULL), 0);
    rig_stop(&r);
}

Test(interrupt, before_a_run_ends_that_run)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    struct guest_regs regs = rig_regs(CODE_AT);
    for (int i = 0; i < 3; i++) {
        OPS->interrupt(r.t);
        OPS->interrupt(r.t); /* counts once */
        cr_assert_eq(rig_run(&r, &regs), STOP_INTERRUPT);
        cr_assert_eq(regs.rip, i ? CODE_AT + 2 : CODE_AT);
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    }
    rig_stop(&r);
}

struct storm {
    struct rig *r;
    pthread_t thread;
    atomic_bool over;
    atomic_int sent;
};

static void *rage(void *arg)
{
    struct storm *s = arg;

    while (!atomic_load(&s->over)) {
        atomic_fetch_add(&s->sent, 1);
        OPS->interrupt(s->r->t);
        sched_yield();
    }
    return NULL;
}

/* Against calls in quick succession: nothing is lost, and no call is skipped or seen twice. */
Test(interrupt, does_not_disturb_calls)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x48\xff\xc3\x48\x89\xd8\x0f\x05\xeb\xf6"); /* 1: inc %rbx; mov %rbx, %rax;
                                                                       syscall; jmp 1b */
    struct storm storms[2] = { { .r = &r }, { .r = &r } };
    for (size_t i = 0; i < ARRAY_LEN(storms); i++)
        cr_assert_eq(pthread_create(&storms[i].thread, NULL, rage, &storms[i]), 0);
    struct guest_regs regs = rig_regs(CODE_AT);
    uint64_t calls = 0;
    int interrupts = 0;
    while (calls < 3000 || interrupts < 100) {
        if (rig_run(&r, &regs) == STOP_INTERRUPT) {
            interrupts++;
            continue;
        }
        cr_assert_eq(r.stop.why, STOP_SYSCALL);
        if (calls + 1 == 336 && regs.orig_rax == 337)
            calls++; /* uprobe(2) passes filters: the host itself answers -ENXIO */
        cr_assert_eq(regs.orig_rax, ++calls);
    }
    for (size_t i = 0; i < ARRAY_LEN(storms); i++) {
        atomic_store(&storms[i].over, true);
        cr_assert_eq(pthread_join(storms[i].thread, NULL), 0);
    }
    rig_stop(&r);
}

/* One interrupt at some moment around a run is told exactly once, in this run or the next. */
Test(interrupt, is_told_once)
{
    struct rig r;
    int told = 0;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    struct kicker k = { .r = &r, .sign = (_Atomic uint64_t *)(r.ram + DATA_OFF), .count = 500 };
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(pthread_create(&k.thread, NULL, kick, &k), 0);
    for (uint64_t turn = 1; told < k.count; turn++) {
        atomic_store(k.sign, turn);
        if (rig_run(&r, &regs) != STOP_INTERRUPT)
            continue;
        told++;
        cr_assert_eq(told, atomic_load(&k.kicks));
        atomic_store(&k.seen, told);
    }
    cr_assert_eq(pthread_join(k.thread, NULL), 0);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
}

struct spinner {
    struct rig *r;
    _Atomic(struct guest_thread *) t;
    atomic_bool let_go; /* interrupt() has returned: the thread may be destroyed */
};

static void *spin_in_thread(void *arg)
{
    struct spinner *s = arg;
    struct guest_regs regs = rig_regs(CODE_AT);
    struct guest_thread *t;
    struct guest_stop stop;

    cr_assert_eq(OPS->thread_create(s->r->p, &t), 0);
    atomic_store(&s->t, t);
    regs.rdi = DATA_AT;
    cr_assert_eq(OPS->run(t, s->r->as, &regs, &stop), 0);
    cr_assert_eq(stop.why, STOP_INTERRUPT);
    while (!atomic_load(&s->let_go))
        sched_yield();
    OPS->thread_destroy(t);
    return NULL;
}

Test(interrupt, reaches_a_thread_made_elsewhere)
{
    pthread_t other;
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, SPIN);
    struct spinner s = { .r = &r };
    cr_assert_eq(pthread_create(&other, NULL, spin_in_thread, &s), 0);
    while (*(_Atomic uint64_t *)(r.ram + DATA_OFF) == 0)
        sched_yield();
    OPS->interrupt(atomic_load(&s.t));
    atomic_store(&s.let_go, true);
    cr_assert_eq(pthread_join(other, NULL), 0);
    rig_stop(&r);
}
