/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues: who wants to know that an object changed.
 *
 * Objects never block. They answer EAGAIN and wake their queue at each change;
 * the waiting itself is done in one place, above (sentry/syscall/block.h).
 */
#pragma once

#include "base/list.h"
#include "base/lock.h"

struct waiter;

struct waiter_ops {
    /*
     * Something changed. Called with the queue locked: takes nothing but RANK_WAITQ
     * leaves of its own, never blocks, may not touch the queue.
     *
     *   bits      POLL_* that may have become true; 0 = anything may have
     */
    void (*wake)(struct waiter *w, unsigned bits);
};

/* All zero but `ops` before it first joins a queue. It is on one queue at a time. */
struct waiter {
    struct list node;             /* [q] in waitq.waiters */
    const struct waiter_ops *ops; /* [I] */
    bool exclusive;               /* [I] waitq_wake_one() stops after it */
};

struct waitq {
    struct mutex lock;    /* RANK_WAITQ */
    struct list waiters;  /* [l] oldest first */
    _Atomic uint32_t len; /* how many there are; changes under the lock */
};

void waitq_init(struct waitq *q);
/* Nobody may be waiting any more. */
void waitq_destroy(struct waitq *q);
void waitq_add(struct waitq *q, struct waiter *w);
/* After it returns, wake() is neither running nor will be called. Fine where `w` is not queued. */
void waitq_del(struct waitq *q, struct waiter *w);
/* Everybody. Locks: takes RANK_WAITQ. Cheap without a lock where nobody waits. */
void waitq_wake(struct waitq *q, unsigned bits);
/*
 * As waitq_wake(), from the wake() of a waiter on another queue: who watches whom has no
 * cycle, so the lock is taken by mutex_lock_nested().
 */
void waitq_wake_nested(struct waitq *q, unsigned bits);
/* All that are not exclusive, and the first that is (accept(2), EPOLLEXCLUSIVE). */
void waitq_wake_one(struct waitq *q, unsigned bits);
void waitq_wake_one_nested(struct waitq *q, unsigned bits);
