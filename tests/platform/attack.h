/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many guest threads that try the same thing with ever other registers, at the same time.
 * Each try is a few turns, which an interrupt ends that never fails to come. What a try
 * leads to is nobody's business as long as the world stands: a stub may be lost over it.
 *
 *     attack(&w, aim, n, seconds);     // n tries, or as many as there is time for
 */
#pragma once

#include "tests/platform/world.h"

#define ATTACKERS 48 /* as many as the host's pids bear: who has lost a stub waits for seconds */
#define TURNS     3  /* of a try */

struct attacker;

/* Chooses the registers of try number `i`. */
typedef void aim_fn(struct attacker *a, uint64_t i, struct guest_regs *regs);

struct attack {
    struct world *w;
    aim_fn *aim;
    uint64_t count;          /* of tries */
    _Atomic uint64_t next;   /* try */
    nsec_t until;            /* then it is over, with whatever was done */
    atomic_uint lost, tries; /* stubs; tries that were made */
    atomic_uint stops[4];    /* by why: a test that never gets anywhere tests nothing */
    atomic_bool over;        /* nobody interrupts any more */
};

struct attacker {
    struct attack *of;
    unsigned index; /* below ATTACKERS */
    pthread_t thread;
    struct dice dice;
    _Atomic(struct guest_thread *) t;
    uint64_t slot; /* of its stub, where the platform has such */
    atomic_bool done;
};

/* Where the thread has its slot; on a platform without, anything of the stub's. */
static inline uint64_t slot_of(struct world *w, struct guest_thread *t)
{
    struct guest_regs regs = rig_regs(TELLER_AT);
    struct guest_stop stop;

    if (OPS != &platform_systrap)
        return STUB_CMD;
    for (int i = 0; i < 10; i++) {
        if (OPS->run(t, w->r.as, &regs, &stop) == 0 && stop.why == STOP_SYSCALL)
            return regs.orig_rax;
    }
    return STUB_SLOTS + SLOT_SIZE;
}

static inline void try_once(struct attacker *a, uint64_t i)
{
    struct attack *of = a->of;
    struct guest_thread *t = atomic_load(&a->t);
    struct guest_regs regs = rig_regs(LOOP_AT);
    struct guest_stop stop;

    of->aim(a, i, &regs);
    atomic_fetch_add(&of->tries, 1);
    for (int n = 0; n < TURNS; n++) {
        int err = OPS->run(t, of->w->r.as, &regs, &stop);
        cr_assert(err == 0 || err == -EIO, "run: %d", err);
        if (err) {
            atomic_fetch_add(&of->lost, 1);
            a->slot = slot_of(of->w, t);
            return;
        }
        cr_assert_leq(stop.why, STOP_INTERRUPT);
        atomic_fetch_add(&of->stops[stop.why], 1);
        check_registers(of->w, &regs);
        regs.rax = roll(&a->dice) % 512;
    }
}

static inline void *attacker_run(void *arg)
{
    struct attacker *a = arg;
    struct attack *of = a->of;
    struct guest_thread *t;
    uint64_t i;

    cr_assert_eq(OPS->thread_create(of->w->r.p, &t), 0);
    atomic_store(&a->t, t);
    a->slot = slot_of(of->w, t);
    while (host_clock_gettime(CLOCK_MONOTONIC) < of->until &&
           (i = atomic_fetch_add(&of->next, 1)) < of->count)
        try_once(a, i);
    atomic_store(&a->done, true);
    while (!atomic_load(&of->over))
        usleep(1000);
    OPS->thread_destroy(t);
    return NULL;
}

/* Interrupts all, again and again, until all are done. */
static inline void interrupt_all(struct attacker a[ATTACKERS])
{
    bool done = false;

    while (!done) {
        done = true;
        usleep(300);
        for (size_t i = 0; i < ATTACKERS; i++) {
            struct guest_thread *t = atomic_load(&a[i].t);
            done &= atomic_load(&a[i].done);
            if (t)
                OPS->interrupt(t);
        }
    }
}

static inline struct attack attack(struct world *w, aim_fn *aim, uint64_t count, int seconds)
{
    struct attacker a[ATTACKERS] = { 0 };
    static struct attack of;

    of = (struct attack){ .w = w, .aim = aim, .count = count };
    of.until = host_clock_gettime(CLOCK_MONOTONIC) + seconds * NSEC_PER_SEC;
    for (unsigned i = 0; i < ATTACKERS; i++) {
        a[i].of = &of;
        a[i].index = i;
        a[i].dice.state = i;
        cr_assert_eq(pthread_create(&a[i].thread, NULL, attacker_run, &a[i]), 0);
    }
    interrupt_all(a);
    atomic_store(&of.over, true);
    for (size_t i = 0; i < ATTACKERS; i++)
        cr_assert_eq(pthread_join(a[i].thread, NULL), 0);
    world_check(w);
    fprintf(stderr, "%u of %lu tries; %u stubs lost; %u calls, %u faults, %u exceptions\n",
            of.tries, count, of.lost, of.stops[STOP_SYSCALL], of.stops[STOP_FAULT],
            of.stops[STOP_EXCEPTION]);
    return of;
}
