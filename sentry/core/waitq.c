/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues.
 *
 * No wake is lost: a waiter joins the queue and then looks at the object; a waker
 * changes the object and then looks at the queue. Joining ends with an unlock, a
 * full barrier on this processor, and a waker makes one before it looks at `len`.
 */
#include "sentry/core/waitq.h"

void waitq_init(struct waitq *q)
{
    mutex_init(&q->lock, RANK_WAITQ);
    list_init(&q->waiters);
    atomic_init(&q->len, 0);
}

void waitq_destroy(struct waitq *q)
{
    assert(list_empty(&q->waiters));
}

void waitq_add(struct waitq *q, struct waiter *w)
{
    list_init(&w->node);
    mutex_lock(&q->lock);
    list_push_back(&q->waiters, &w->node);
    atomic_fetch_add(&q->len, 1);
    mutex_unlock(&q->lock);
}

void waitq_del(struct waitq *q, struct waiter *w)
{
    mutex_lock(&q->lock);
    if (w->node.next && list_is_linked(&w->node)) {
        list_del(&w->node);
        atomic_fetch_sub(&q->len, 1);
    }
    mutex_unlock(&q->lock);
}

static bool nobody_waits(struct waitq *q)
{
    /* An add of nothing and not a fence: ThreadSanitizer does not know fences. */
    return atomic_fetch_add(&q->len, 0) == 0;
}

static void wake_locked(struct waitq *q, unsigned bits) HOLDS(q->lock);
static void wake_locked(struct waitq *q, unsigned bits)
{
    struct waiter *w;

    list_for_each (w, &q->waiters, node)
        w->ops->wake(w, bits);
}

void waitq_wake(struct waitq *q, unsigned bits)
{
    if (nobody_waits(q))
        return;
    mutex_lock(&q->lock);
    wake_locked(q, bits);
    mutex_unlock(&q->lock);
}

void waitq_wake_nested(struct waitq *q, unsigned bits)
{
    if (nobody_waits(q))
        return;
    mutex_lock_nested(&q->lock);
    wake_locked(q, bits);
    mutex_unlock(&q->lock);
}

static void wake_one_locked(struct waitq *q, unsigned bits) HOLDS(q->lock);
static void wake_one_locked(struct waitq *q, unsigned bits)
{
    struct waiter *w;
    bool one = false; /* an exclusive one was woken */

    list_for_each (w, &q->waiters, node) {
        if (w->exclusive && one)
            continue;
        one |= w->exclusive;
        w->ops->wake(w, bits);
    }
}

void waitq_wake_one(struct waitq *q, unsigned bits)
{
    if (nobody_waits(q))
        return;
    mutex_lock(&q->lock);
    wake_one_locked(q, bits);
    mutex_unlock(&q->lock);
}

void waitq_wake_one_nested(struct waitq *q, unsigned bits)
{
    if (nobody_waits(q))
        return;
    mutex_lock_nested(&q->lock);
    wake_one_locked(q, bits);
    mutex_unlock(&q->lock);
}
