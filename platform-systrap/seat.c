/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks by turns. A guest that makes one call after the other is two threads that
 * hand over all the time: fastest where each has a processor, and slowest where they
 * share one with many others, whose caches and locks come in between at each switch. So
 * where more guests talk than there are pairs of processors, they do so one after the
 * other: a pair of processors is a seat, and who has one talks for a slice. The others
 * sleep in a queue, as they would for a slice of the host's.
 *
 * Who computes needs no seat: the host shares processors out better than we do. Whether
 * a guest talks is seen by its stub's processor time, and expected of a new thread where
 * one of its siblings did last. Who finds that its guest takes long, or sleeps in the
 * sentry, gives its seat up; and after one has computed there are none for some times as
 * long, so while guests do little else, as compilers do, there are none at all.
 *
 * A guest may say nonsense of itself, and have a seat for a slice like all others. Who
 * falls asleep in the sentry with a seat loses it to the first who has waited for too
 * long.
 */
#include <errno.h>

#include "base/cycles.h"
#include "base/host.h"
#include "platform-systrap/systrap_priv.h"

/* In cycles of the time stamp counter, of which a ms has some millions. */
#define SLICE 1000000u
#define STALE (3 * SLICE) /* its holder sleeps: it would have seen that others wait */
#define LONG  1000000u    /* a turn to look at: it computes, or has been kept waiting */

#define NO_SEATS_TIMES 4u /* as long as a guest has computed */
#define NO_SEATS_MAX   UINT64_C(100000000)

#define LONG_TIME  (400 * NSEC_PER_USEC) /* of a stub that computes, in a long turn */
#define SLICE_TIME (500 * NSEC_PER_USEC)
#define WAITS_MAX  8                   /* such times, before it goes on without a seat */
#define WITHOUT    5                   /* turns without a seat, before it waits for one */
#define TURNS_SEEN 16u                 /* before a guest is known to talk */
#define TALK_TIME  (6 * NSEC_PER_USEC) /* of its stub, for a turn: some 4 go to the hand-over */

enum { QUEUED, SEATED };

void seat_meet(struct guest_thread *t)
{
    t->talk.talks = atomic_load_explicit(&t->stub->corpse->as->talks, memory_order_relaxed);
    t->talk.turns = 0;
    t->talk.cpu_then = t->stub->cpu_before;
}

void seats_init(struct seats *s, unsigned cpus)
{
    unsigned pairs = cpus / 2;

    mutex_init(&s->lock, RANK_STUB);
    list_init(&s->queue);
    s->count = pairs <= SEATS_MAX ? pairs : 0;
    s->cpus = cpus;
}

bool seats_full(const struct seats *s, unsigned guests)
{
    return guests > s->cpus || atomic_load_explicit(&s->waiting, memory_order_relaxed);
}

bool seats_taken(const struct seats *s)
{
    bool taken = atomic_load_explicit(&s->waiting, memory_order_relaxed);

    for (unsigned n = 0; n < s->count && !taken; n++)
        taken = atomic_load_explicit(&s->at[n].holder, memory_order_relaxed);
    return taken;
}

/* ---- who computes ---- */

/* There are none for a while, or for longer than was said before. */
static void close_seats(struct seats *s, uint64_t now, uint64_t span)
{
    if (now + span > atomic_load_explicit(&s->open_from, memory_order_relaxed))
        atomic_store_explicit(&s->open_from, now + span, memory_order_relaxed);
}

static bool are_open(const struct seats *s)
{
    return cycles() >= atomic_load_explicit(&s->open_from, memory_order_relaxed);
}

void seat_saw(struct guest_thread *t, uint64_t since)
{
    struct talk *k = &t->talk;
    uint64_t now = cycles();

    if (now - since < LONG)
        return;
    nsec_t cpu = stub_time(t->stub->pid);
    if (cpu - k->cpu_then > k->turns * TALK_TIME + LONG_TIME) {
        k->talks = false;
        close_seats(&t->p->seats, now, min(NO_SEATS_TIMES * (now - since), NO_SEATS_MAX));
    }
    k->cpu_then = cpu;
    k->turns = 0;
}

/* Looked at while the stub sleeps: its clock is exact then. */
static bool talks(struct guest_thread *t)
{
    struct talk *k = &t->talk;

    if (k->turns < TURNS_SEEN || !atomic_load(&t->stub->slot->stub_sleeps))
        return k->talks;
    nsec_t now = stub_time(t->stub->pid);
    k->talks = now - k->cpu_then < k->turns * TALK_TIME;
    atomic_store_explicit(&t->stub->corpse->as->talks, k->talks, memory_order_relaxed);
    k->cpu_then = now;
    k->turns = 0;
    return k->talks;
}

bool seat_pays(struct guest_thread *t)
{
    return t->talk.talks && are_open(&t->p->seats);
}

/* ---- seats ---- */

/* For itself, or by who serves while it is in the queue. */
static bool take(struct guest_thread *t, unsigned n, struct guest_thread *from)
{
    struct seat *seat = &t->p->seats.at[n];

    if (!atomic_compare_exchange_strong(&seat->holder, &from, t))
        return false;
    atomic_store_explicit(&seat->since, cycles(), memory_order_relaxed);
    t->talk.seat = n;
    t->talk.without = 0;
    return true;
}

static bool take_free(struct guest_thread *t)
{
    const struct seats *s = &t->p->seats;

    for (unsigned n = 0; n < s->count; n++)
        if (!atomic_load_explicit(&s->at[n].holder, memory_order_relaxed) && take(t, n, NULL))
            return true;
    return false;
}

static bool take_stale(struct guest_thread *t)
{
    const struct seats *s = &t->p->seats;

    for (unsigned n = 0; n < s->count; n++) {
        struct guest_thread *holder = atomic_load(&s->at[n].holder);
        if (cycles() - atomic_load(&s->at[n].since) > STALE && take(t, n, holder))
            return true;
    }
    return false;
}

static void leave_queue(struct seats *s, struct guest_thread *t) HOLDS(s->lock);
static void leave_queue(struct seats *s, struct guest_thread *t)
{
    list_del(&t->talk.queued);
    atomic_fetch_sub(&s->waiting, 1);
}

/* Free seats to those who wait. */
static void serve(struct seats *s)
{
    struct guest_thread *t;

    mutex_lock(&s->lock);
    while ((t = list_first(&s->queue, struct guest_thread, talk.queued)) && take_free(t)) {
        leave_queue(s, t);
        atomic_store(&t->talk.state, SEATED);
        host_futex_wake(&t->talk.state, 1);
    }
    mutex_unlock(&s->lock);
}

static void give(struct guest_thread *t)
{
    struct seats *s = &t->p->seats;
    struct guest_thread *holder = t;

    if (atomic_compare_exchange_strong(&s->at[t->talk.seat].holder, &holder, NULL) &&
        atomic_load(&s->waiting))
        serve(s);
}

void seat_give(struct guest_thread *t)
{
    if (t->talk.stub_cpu >= 0) {
        cpus_free(&t->p->stubs.cpus, t->stub->pid);
        t->talk.stub_cpu = -1;
    }
    if (seat_held(t))
        give(t);
}

/* ---- the queue ---- */

/* True where it need not wait any more. */
static bool is_over(struct guest_thread *t, bool is_last)
{
    struct seats *s = &t->p->seats;

    mutex_lock(&s->lock);
    bool queued = atomic_load(&t->talk.state) == QUEUED;
    bool leaves = queued && (is_last || take_free(t) || take_stale(t));
    if (leaves)
        leave_queue(s, t);
    mutex_unlock(&s->lock);
    return leaves || !queued;
}

static void await_seat(struct guest_thread *t)
{
    struct seats *s = &t->p->seats;

    atomic_store(&t->talk.state, QUEUED);
    mutex_lock(&s->lock);
    list_push_back(&s->queue, &t->talk.queued);
    unsigned before = atomic_fetch_add(&s->waiting, 1);
    mutex_unlock(&s->lock);
    serve(s); /* one may have become free while we were not in the queue yet */
    nsec_t patience = (before / s->count + 3) * SLICE_TIME;
    for (unsigned i = 1; atomic_load(&t->talk.state) == QUEUED; i++) {
        nsec_t until = nsec_add(host_clock_gettime(CLOCK_MONOTONIC), patience);
        int err = host_futex_wait(&t->talk.state, QUEUED, until);
        if (err == -ETIMEDOUT && is_over(t, i == WAITS_MAX))
            break;
    }
    t->talk.without = 0;
    t->talk.is_fresh = true;
    /* What it has learned was learned in the crowd. */
    t->sentry = t->guest = (struct habit){ 0 };
}

/* True where the slice is over, and someone else wants the seat. */
static bool is_due(struct guest_thread *t)
{
    const struct seats *s = &t->p->seats;
    const struct seat *seat = &s->at[t->talk.seat];

    return atomic_load_explicit(&s->waiting, memory_order_relaxed) &&
           cycles() - atomic_load_explicit(&seat->since, memory_order_relaxed) > SLICE;
}

/* Whether it is one of those that should have a seat. */
static bool wants(struct guest_thread *t, unsigned guests)
{
    const struct seats *s = &t->p->seats;

    return s->count > 0 && (guests >= s->cpus || seats_full(s, guests)) && talks(t) && are_open(s);
}

void seat_take(struct guest_thread *t, unsigned guests)
{
    t->talk.turns++;
    if (likely(seat_held(t))) {
        if (is_due(t)) {
            give(t);
            await_seat(t);
        }
        return;
    }
    if (!wants(t, guests))
        return;
    if (!atomic_load_explicit(&t->p->seats.waiting, memory_order_relaxed) && take_free(t))
        return;
    if (++t->talk.without > WITHOUT)
        await_seat(t);
}

void seat_spread(struct guest_thread *t)
{
    const struct cpus *c = &t->p->stubs.cpus;
    struct talk *k = &t->talk;
    int here = sched_getcpu();

    if (k->stub_cpu >= 0 && k->stub_cpu != here)
        return;
    k->stub_cpu = cpus_nth(c, 2 * k->seat + 1);
    if (k->stub_cpu == here)
        k->stub_cpu = cpus_nth(c, 2 * k->seat);
    cpus_bring(c, t->stub->pid, k->stub_cpu);
}
