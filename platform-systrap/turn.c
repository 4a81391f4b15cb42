/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over: one word in the slot says whose turn it is, and who waits sleeps on
 * it. The stub's half is in entry.S.
 *
 * Before it sleeps it looks at the word for a while, where that is likely to pay (spin.c).
 *
 * The guest can write that word, wake whoever sleeps on it, and keep the stub from ever
 * giving the turn back. So a wait looks around from time to time, however often it is
 * woken in between: a stub that is dead, or that has been interrupted, has had time to
 * answer and has not, is ended, and its task with it. One that dies is told by the host,
 * which writes TURN_DEAD.
 */
#include <errno.h>
#include <sys/wait.h>

#include "base/cycles.h"
#include "base/host.h"
#include "base/panic.h"
#include "platform-systrap/systrap_priv.h"

#define LOOK_AFTER   NSEC_PER_SEC
#define LOOK_COUPLED (2 * NSEC_PER_MSEC)   /* who has let us wait for so long computes */
#define LOOK_AGAIN   (100 * NSEC_PER_MSEC) /* where it owes us an answer */
#define ANSWER_CPU   (300 * NSEC_PER_MSEC) /* processor time for an answer */
#define ANSWER_LOOKS 30                    /* or this many looks, with less than that */

/* A wait: when it looks around, and what is known of a stub that owes us an answer. */
struct patience {
    nsec_t look_at; /* 0: not said yet */
    unsigned looks; /* at one that owes us an answer */
    nsec_t cpu;     /* its processor time at the first of those */
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
        p->looks = 0; /* it computes; or sleeps, and a sibling of its own has hidden that from us */
        host_futex_wake_shared(&t->stub->slot->turn, 1);
        return true;
    }
    nsec_t cpu = stub_time(pid);
    if (p->looks++ == 0)
        p->cpu = cpu;
    if (host_tgkill(pid, pid, KICK_SIGNAL) < 0)
        return false;
    return p->looks <= ANSWER_LOOKS && cpu - p->cpu < ANSWER_CPU;
}

static nsec_t next_look(const struct guest_thread *t, const struct patience *p, nsec_t now)
{
    if (couple_is(t))
        return nsec_add(now, LOOK_COUPLED);
    return nsec_add(now, p->looks ? LOOK_AGAIN : LOOK_AFTER);
}

/* Whether there is still something to wait for. A couple parts first, and waits on. */
static bool look_around(struct guest_thread *t, uint32_t orders, struct patience *p)
{
    if (!couple_is(t))
        return is_hopeful(t, orders, p);
    couple_part(t);
    return true;
}

/* Sleeps until the turn may be another, or it is time to look. False: there is no hope. */
static bool sleep_for_turn(struct guest_thread *t, uint32_t orders, struct patience *p)
{
    nsec_t now = host_clock_gettime(CLOCK_MONOTONIC);

    if (now >= p->look_at) {
        if (p->look_at && !look_around(t, orders, p))
            return false;
        p->look_at = next_look(t, p, now);
    }
    int err = host_futex_wait_shared(&t->stub->slot->turn, TURN_GUEST, p->look_at);
    (void)err; /* the guest, too, may have woken us: turn and time tell what is so */
    return true;
}

/* True where the turn is ours; false where the stub is to end. */
static bool await(struct guest_thread *t, uint32_t orders)
{
    struct slot *slot = t->stub->slot;
    struct patience patience = { 0 };
    uint32_t now;
    bool hope = true;

    spin_for_stub(t);
    if (atomic_load(&slot->turn) == TURN_SENTRY)
        return true;
    seat_give(t);
    uint64_t since = cycles();
    /* Said before we look at the turn again; the stub looks at it after it has changed that. */
    atomic_store(&slot->sentry_sleeps, 1);
    while (hope && (now = atomic_load(&slot->turn)) == TURN_GUEST)
        hope = sleep_for_turn(t, orders, &patience);
    atomic_store_explicit(&slot->sentry_sleeps, 0, memory_order_relaxed);
    if (!hope || now != TURN_SENTRY)
        return false;
    if (orders & ORDER_RUN)
        seat_saw(t, since);
    return true;
}

int turn(struct guest_thread *t, uint32_t orders, uint64_t result)
{
    struct slot *slot = t->stub->slot;

    if (orders & ORDER_RUN)
        seat_take(t, atomic_load_explicit(&t->p->running, memory_order_relaxed) + 1);
    unsigned guests = atomic_fetch_add_explicit(&t->p->running, 1, memory_order_relaxed) + 1;
    bool sleeps = atomic_load(&slot->stub_sleeps);
    if (orders & ORDER_RUN)
        couple_meet(t, guests, sleeps);
    spin_heard(t, slot, sleeps);
    spin_tell(t, slot);
    slot->orders = orders;
    slot->result = result;
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
