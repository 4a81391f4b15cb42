/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over: one word in the slot says whose turn it is, and who waits sleeps on
 * it. The stub's half is in entry.S.
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

#define LOOK_AFTER   NSEC_PER_SEC
#define ANSWER_CPU   (300 * NSEC_PER_MSEC) /* processor time for an answer */
#define ANSWER_LOOKS 10                    /* or this many looks, with less than that */

/* What is known of a stub that owes us an answer. */
struct patience {
    unsigned looks;
    nsec_t cpu; /* its processor time at the first */
};

static nsec_t process_time(pid_t pid)
{
    nsec_t now;

    return host_process_time(pid, &now) ? 0 : now;
}

/* Whether there is still something to wait for. */
static bool is_hopeful(struct guest_thread *t, uint32_t orders, struct patience *p)
{
    pid_t pid = t->stub->pid;

    if (orders & ORDER_RUN && atomic_load(&t->state) != THREAD_KICKED) {
        p->looks = 0;
        return true; /* a guest that computes */
    }
    nsec_t cpu = process_time(pid);
    if (p->looks++ == 0)
        p->cpu = cpu;
    if (host_tgkill(pid, pid, KICK_SIGNAL) < 0)
        return false;
    return p->looks <= ANSWER_LOOKS && cpu - p->cpu < ANSWER_CPU;
}

/* True where the turn is ours; false where the stub is to end. */
static bool await(struct guest_thread *t, uint32_t orders)
{
    struct slot *slot = t->stub->slot;
    struct patience patience = { 0 };
    uint32_t now;
    bool hope = true;

    /* Said before we look at the turn again; the stub looks at it after it has changed that. */
    atomic_store(&slot->sentry_sleeps, 1);
    while (hope && (now = atomic_load(&slot->turn)) == TURN_GUEST) {
        nsec_t deadline = nsec_add(host_clock_gettime(CLOCK_MONOTONIC), LOOK_AFTER);
        if (host_futex_wait_shared(&slot->turn, TURN_GUEST, deadline) == -ETIMEDOUT)
            hope = is_hopeful(t, orders, &patience);
    }
    atomic_store_explicit(&slot->sentry_sleeps, 0, memory_order_relaxed);
    return hope && now == TURN_SENTRY;
}

int turn(struct guest_thread *t, uint32_t orders)
{
    struct slot *slot = t->stub->slot;

    slot->orders = orders;
    atomic_store(&slot->turn, TURN_GUEST);
    if (atomic_load(&slot->stub_sleeps))
        host_futex_wake_shared(&slot->turn, 1);
    if (await(t, orders))
        return 0;
    systrap_thread_lost(t);
    return -EIO;
}
