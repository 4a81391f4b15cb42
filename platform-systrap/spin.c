/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting without sleeping. To wake a sleeper costs far more than most calls do, on an
 * idle processor most of all, so who will not wait for long looks at a word instead.
 *
 * And yields to others between two looks (sched_yield(2)). To who is alone on its
 * processor that costs nothing; else whoever has something to do gets to do it, one
 * switch later and without having to be woken. Where two guests talk there are
 * four that take turns, each guest's stub and its sentry thread, and so any number of
 * them may share a processor.
 *
 * It is bad only for who yields to a thread that computes. Linux lets that run for
 * milliseconds, while a sleeper that is woken would come before it. So nobody does it
 * for long, least where all processors have a guest to run; and who sees that it has
 * happened ends all spinning for a while, and for a longer one if it happens again soon.
 *
 * Many guests that talk get seats instead (seat.c), where nobody has to yield; and those
 * that compute, too, are coupled (couple.c), where that is all one has to do.
 *
 * Whether it pays is learned from the last time (struct habit): a guest that computes,
 * and a call that blocks for long, are not spun for. Nothing idle spins.
 */
#include "base/cycles.h"
#include "base/host.h"
#include "platform-systrap/systrap_priv.h"

/* All in cycles of the time stamp counter, of which a µs has some thousands. */
#define SPIN_LONG   100000u /* about what a wake-up takes */
#define SPIN_SHORT  7000u
#define LOOKS       200u  /* before the first yield */
#define LOOKS_ALONE 4000u /* the same, where nobody is known to whom one could: as a call takes */
#define CROWD_MIN   (UINT64_C(1) << 21)
#define CROWD_MAX   (UINT64_C(1) << 26)

#define PENALTY_MAX 63u /* turns */

static bool habit_allows(struct habit *h)
{
    if (h->pause == 0)
        return true;
    h->pause--;
    return false;
}

static void habit_learn(struct habit *h, bool paid)
{
    if (paid) {
        h->penalty = 0;
        return;
    }
    h->penalty = min(h->penalty * 2 + 1, PENALTY_MAX);
    h->pause = h->penalty;
}

/* Whether it is those with seats that keep others waiting: no more run than they. */
static bool is_slice(struct platform *p)
{
    return seats_taken(&p->seats) &&
           atomic_load_explicit(&p->running, memory_order_relaxed) < p->cpu_count;
}

/* Others compute where we spin: nobody does for a while, for longer if it is so again. */
static void crowd_seen(struct platform *p)
{
    uint64_t now = cycles();
    uint64_t until = atomic_load_explicit(&p->crowd_end, memory_order_relaxed);
    uint64_t span = atomic_load_explicit(&p->crowd_span, memory_order_relaxed);

    if (now < until || is_slice(p))
        return;
    span = now - until < 4 * span ? min(2 * span, CROWD_MAX) : CROWD_MIN;
    atomic_store_explicit(&p->crowd_span, span, memory_order_relaxed);
    atomic_store_explicit(&p->crowd_end, now + span, memory_order_relaxed);
    atomic_store_explicit(&p->crowded, true, memory_order_relaxed);
}

static bool is_crowded(struct platform *p)
{
    if (likely(!atomic_load_explicit(&p->crowded, memory_order_relaxed)))
        return false;
    if (cycles() < atomic_load_explicit(&p->crowd_end, memory_order_relaxed))
        return true;
    atomic_store_explicit(&p->crowded, false, memory_order_relaxed);
    return false;
}

/* For how long it may be, while so many guests have the processors, or want them. */
static uint32_t span_for(struct guest_thread *t, struct habit *h, unsigned guests)
{
    struct platform *p = t->p;

    if (couple_is(t) && h != &t->asleep)
        return couple_yields(t) && (h == &t->guest || habit_allows(h)) ? SPIN_SHORT : 0;
    if (p->cpu_count == 0 || !habit_allows(h))
        return 0;
    if (seats_full(&p->seats, guests) && seat_pays(t)) {
        if (!seat_held(t))
            return 0;
        if (t->talk.stub_cpu >= 0)
            return t->talk.is_fresh ? SPIN_LONG : SPIN_SHORT; /* the stub's; see looks_for */
    }
    if (is_crowded(p))
        return 0;
    return guests < p->cpu_count ? SPIN_LONG : SPIN_SHORT;
}

static uint32_t looks_for(const struct guest_thread *t, unsigned guests)
{
    const struct platform *p = t->p;
    unsigned idle = atomic_load_explicit(&p->lingering, memory_order_relaxed);

    if (couple_is(t))
        return 0;
    if (t->talk.stub_cpu >= 0)
        return SPIN_LONG; /* it is on another processor: we look for so long, whatever the span */
    return guests + idle > 1 || p->cpu_count == 1 ? LOOKS : LOOKS_ALONE;
}

static bool is_still(const _Atomic uint32_t *word, uint32_t value)
{
    return atomic_load_explicit(word, memory_order_relaxed) == value;
}

/*
 * True where the word has become another in time.
 *
 *   p    whose crowd it is where a yield takes long; NULL: nobody's
 */
static bool spin(struct platform *p, const _Atomic uint32_t *word, uint32_t value, uint32_t span,
                 uint32_t looks)
{
    uint64_t since, now;

    if (!is_still(word, value))
        return true;
    for (since = now = cycles(); now - since < looks; now = cycles()) {
        __builtin_ia32_pause();
        if (!is_still(word, value))
            return true;
    }
    for (; now - since < span; now = cycles()) {
        host_sched_yield();
        if (!is_still(word, value)) {
            if (p && cycles() - now > SPIN_STALL)
                crowd_seen(p);
            return true;
        }
    }
    return false;
}

void spin_for_stub(struct guest_thread *t)
{
    unsigned guests = atomic_load_explicit(&t->p->running, memory_order_relaxed);
    uint32_t span = span_for(t, &t->sentry, guests);

    /* Who yields to its own guest may find that this computes. */
    struct platform *p = couple_is(t) ? NULL : t->p;
    if (span)
        habit_learn(&t->sentry,
                    spin(p, &t->stub->slot->turn, TURN_GUEST, span, looks_for(t, guests)));
    t->talk.is_fresh = false;
}

void spin_tell(struct guest_thread *t, struct slot *slot)
{
    unsigned guests = atomic_load_explicit(&t->p->running, memory_order_relaxed);

    if (seat_held(t) && t->sentry.pause == 0 && seats_full(&t->p->seats, guests) && seat_pays(t))
        seat_spread(t);
    uint32_t spin = span_for(t, &t->guest, guests), looks = looks_for(t, guests);
    if (!couple_is(t) && !seat_held(t) && spin_is_vain(t))
        spin = 0; /* we shall be asleep; and who sleeps can be coupled */
    if (slot_read(slot->spin) != spin)
        slot->spin = spin;
    if (slot_read(slot->looks) != looks)
        slot->looks = looks;
}

void spin_heard(struct guest_thread *t, struct slot *slot, bool sleeps)
{
    if (slot_read(slot->spin) && !couple_is(t))
        habit_learn(&t->guest, !sleeps);
    if (slot_read(slot->stalled)) {
        slot->stalled = 0;
        if (couple_is(t))
            couple_stalled(t);
        else
            crowd_seen(t->p);
    }
}

void systrap_linger(struct guest_thread *t, const _Atomic uint32_t *word, uint32_t value)
{
    struct platform *p = t->p;
    unsigned guests = atomic_load_explicit(&p->running, memory_order_relaxed);

    seat_give(t);
    uint32_t span = span_for(t, &t->asleep, guests);
    bool paid = false;
    if (span) {
        atomic_fetch_add_explicit(&p->lingering, 1, memory_order_relaxed);
        paid = spin(p, word, value, span, LOOKS);
        atomic_fetch_sub_explicit(&p->lingering, 1, memory_order_relaxed);
        habit_learn(&t->asleep, paid);
    }
    if (!paid)
        couple_part(t); /* it sleeps, and may be woken anywhere */
}
