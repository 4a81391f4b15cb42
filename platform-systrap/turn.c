/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over: one word in the slot says whose turn it is, and who waits sleeps on
 * it. The stub's half is in entry.S.
 *
 * To wake a sleeper costs far more than most calls, on an idle processor most of all.
 * So who waits spins for a short while first (SPIN_CYCLES), where that takes nothing from
 * anybody: each side only while there are more processors than guest threads to run. It
 * is what two processors talk for: 0.1 µs for the two ways. Whether it pays is learned
 * from the last time (struct habit): a guest that computes, and a call that blocks, are
 * not spun for. Nobody spins for more than that, so what is idle sleeps.
 *
 * The guest can write that word, and keep the stub from ever giving the turn back. So
 * a wait looks around each second: a stub that is dead, or that has been interrupted,
 * has had time to answer and has not, is ended, and its task with it. One that dies is
 * told by the host, which writes TURN_DEAD.
 */
#include <errno.h>
#include <sys/wait.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-systrap/systrap_priv.h"

#define SPIN_CYCLES  100000u /* of the time stamp counter: some 40 µs, as a wake-up takes */
#define STALL_CYCLES 200000u /* between two looks: somebody else has run */
#define PENALTY_MAX  63u
#define STALL_PAUSE  1000u

#define LOOK_AFTER   NSEC_PER_SEC
#define LOOK_AGAIN   (100 * NSEC_PER_MSEC) /* where it owes us an answer */
#define ANSWER_CPU   (300 * NSEC_PER_MSEC) /* processor time for an answer */
#define ANSWER_LOOKS 30                    /* or this many looks, with less than that */

/* What is known of a stub that owes us an answer. */
struct patience {
    unsigned looks;
    nsec_t cpu; /* its processor time at the first */
};

/* True where it is dead, and was killed before it had the turn; it is reaped then. */
static bool is_dead(struct stub *s)
{
    int status;

    if (host_wait4(s->pid, &status, WNOHANG | __WALL) == 0)
        return false;
    s->pid = 0;
    return true;
}

/* Whether there is still something to wait for. */
static bool is_hopeful(struct guest_thread *t, uint32_t orders, struct patience *p)
{
    pid_t pid = t->stub->pid;

    if (is_dead(t->stub))
        return false;
    if (orders & ORDER_RUN && atomic_load(&t->state) != THREAD_KICKED) {
        p->looks = 0;
        return true; /* a guest that computes */
    }
    nsec_t cpu = stub_time(pid);
    if (p->looks++ == 0)
        p->cpu = cpu;
    if (host_tgkill(pid, pid, KICK_SIGNAL) < 0)
        return false;
    return p->looks <= ANSWER_LOOKS && cpu - p->cpu < ANSWER_CPU;
}

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

static uint32_t cycles(void)
{
    return (uint32_t)__builtin_ia32_rdtsc();
}

/* Others want the processors, too: neither side spins for some time. */
static void habits_end(struct guest_thread *t)
{
    t->sentry.pause = t->guest.pause = STALL_PAUSE;
}

/* False where the host has taken our processor away meanwhile. */
static bool spin_undisturbed(struct slot *slot)
{
    uint32_t since = cycles(), last = since, now = since;

    while (atomic_load_explicit(&slot->turn, memory_order_relaxed) == TURN_GUEST &&
           now - since < SPIN_CYCLES) {
        __builtin_ia32_pause();
        now = cycles();
        if (now - last > STALL_CYCLES)
            return false;
        last = now;
    }
    return true;
}

/* Looks at the word for a while. */
static void spin(struct guest_thread *t, struct slot *slot)
{
    struct platform *p = t->p;

    if (!habit_allows(&t->sentry))
        return;
    unsigned others = atomic_fetch_add_explicit(&p->spinning, 1, memory_order_relaxed);
    if (others + atomic_load_explicit(&p->running, memory_order_relaxed) < p->cpu_count) {
        if (spin_undisturbed(slot))
            habit_learn(&t->sentry,
                        atomic_load_explicit(&slot->turn, memory_order_relaxed) != TURN_GUEST);
        else
            habits_end(t);
    }
    atomic_fetch_sub_explicit(&p->spinning, 1, memory_order_relaxed);
}

/* How long the stub is to spin for its next turn. */
static uint32_t stub_spin(struct guest_thread *t)
{
    struct platform *p = t->p;
    unsigned running = atomic_load_explicit(&p->running, memory_order_relaxed);

    return 2 * running <= p->cpu_count && habit_allows(&t->guest) ? SPIN_CYCLES : 0;
}

/* True where the turn is ours; false where the stub is to end. */
static bool await(struct guest_thread *t, uint32_t orders)
{
    struct slot *slot = t->stub->slot;
    struct patience patience = { 0 };
    uint32_t now;
    bool hope = true;

    spin(t, slot);
    if (atomic_load(&slot->turn) == TURN_SENTRY)
        return true;
    /* Said before we look at the turn again; the stub looks at it after it has changed that. */
    atomic_store(&slot->sentry_sleeps, 1);
    while (hope && (now = atomic_load(&slot->turn)) == TURN_GUEST) {
        nsec_t deadline =
            nsec_add(host_clock_gettime(CLOCK_MONOTONIC), patience.looks ? LOOK_AGAIN : LOOK_AFTER);
        if (host_futex_wait_shared(&slot->turn, TURN_GUEST, deadline) == -ETIMEDOUT)
            hope = is_hopeful(t, orders, &patience);
    }
    atomic_store_explicit(&slot->sentry_sleeps, 0, memory_order_relaxed);
    return hope && now == TURN_SENTRY;
}

int turn(struct guest_thread *t, uint32_t orders)
{
    struct slot *slot = t->stub->slot;

    atomic_fetch_add_explicit(&t->p->running, 1, memory_order_relaxed);
    bool sleeps = atomic_load(&slot->stub_sleeps);
    if (slot->spin)
        habit_learn(&t->guest, !sleeps);
    slot->orders = orders;
    slot->spin = stub_spin(t);
    atomic_store(&slot->turn, TURN_GUEST);
    if (sleeps || atomic_load(&slot->stub_sleeps))
        host_futex_wake_shared(&slot->turn, 1);
    bool answered = await(t, orders);
    atomic_fetch_sub_explicit(&t->p->running, 1, memory_order_relaxed);
    if (answered)
        return 0;
    systrap_thread_lost(t);
    return -EIO;
}
