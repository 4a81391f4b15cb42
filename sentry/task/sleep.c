/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a task's thread sleeps, and how others make it look up.
 *
 * `work` says why it must not go on as it did. Whoever sets a bit then wakes the
 * thread's park, and, where it runs guest code, interrupts it. Neither is lost: the
 * thread sets in_guest and then looks at `work` before it enters the guest; it
 * clears its park and then looks at `work` before it sleeps.
 */
#include <sched.h>

#include "base/host.h"
#include "sentry/core/platform_ref.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"

#define LINGER_MIN (100 * NSEC_PER_USEC) /* who has less time than this sleeps at once */

struct guest_thread *task_pin_guest(struct task *t)
{
    atomic_fetch_add(&t->guest_users, 1);
    struct guest_thread *g = atomic_load(&t->guest);
    if (!g)
        atomic_fetch_sub(&t->guest_users, 1);
    return g;
}

void task_unpin_guest(struct task *t)
{
    atomic_fetch_sub(&t->guest_users, 1);
}

void task_forget_guest(struct task *t)
{
    atomic_store(&t->guest, NULL);
    atomic_store(&t->host_tid, 0);
    while (atomic_load(&t->guest_users) != 0)
        host_sched_yield(); /* they hold it for a few instructions */
}

void task_set_work(struct task *t, uint32_t bits)
{
    atomic_fetch_or(&t->work, bits);
    park_wake(&t->park);
    if (!atomic_load(&t->in_guest))
        return;
    struct guest_thread *g = task_pin_guest(t);
    if (g) {
        platform_of(t->arena)->ops->interrupt(g);
        task_unpin_guest(t);
    }
}

void task_clear_work(struct task *t, uint32_t bits)
{
    atomic_fetch_and(&t->work, ~bits);
}

void task_wake(struct task *t)
{
    park_wake(&t->park);
}

bool task_signal_due(struct task *t)
{
    uint32_t work = atomic_load(&t->work);

    if (work & (TASK_KILLED | TASK_STOP | TASK_CALL))
        return true;
    return work & TASK_SIGNAL && signal_is_due(t);
}

/* What comes soon need not wake us. */
static void linger(struct task *t, nsec_t deadline)
{
    const struct platform_ops *ops = platform_of(t->arena)->ops;

    if (!ops->linger || (deadline != NSEC_NEVER &&
                         deadline < nsec_add(host_clock_gettime(CLOCK_MONOTONIC), LINGER_MIN)))
        return;
    struct guest_thread *g = atomic_load_explicit(&t->guest, memory_order_relaxed);
    if (g)
        ops->linger(g, &t->park.word, PARK_EMPTY);
}

/* Host signals cut a park short; so does nothing else. */
static int wait_once(struct task *t, nsec_t deadline, enum task_sleep how)
{
    task_regs(t); /* for whoever looks at a sleeper: /proc/PID/syscall */
    atomic_store_explicit(&t->sleeping, how, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->nvcsw, 1, memory_order_relaxed);
    linger(t, deadline);
    int err = park_wait(&t->park, deadline);
    atomic_store_explicit(&t->sleeping, TASK_AWAKE, memory_order_relaxed);
    timers_awake(t);
    return err == -EINTR ? 0 : err;
}

int task_sleep(struct task *t, nsec_t deadline)
{
    if (task_signal_due(t))
        return -ERESTARTSYS;
    /* What is awaited is looked at once more before a signal counts: it may have come too. */
    return wait_once(t, deadline, TASK_SLEEP_SIGNALS);
}

int task_sleep_killable(struct task *t)
{
    if (task_killed(t))
        return -EINTR;
    int err = wait_once(t, NSEC_NEVER, TASK_SLEEP_KILL);
    return task_killed(t) ? -EINTR : err;
}

static void quiet_wake(struct waiter *w, unsigned bits)
{
    (void)bits;
    park_wake(container_of(w, struct quiet_wait, waiter)->park);
}

static const struct waiter_ops quiet_ops = { .wake = quiet_wake };

void quiet_wait_begin(struct quiet_wait *w, struct waitq *q, struct park *park)
{
    *w = (struct quiet_wait){ .waiter = { .ops = &quiet_ops }, .park = park };
    park_prepare(park);
    waitq_add(q, &w->waiter);
}

void quiet_wait_end(struct quiet_wait *w, struct waitq *q)
{
    waitq_del(q, &w->waiter);
}
