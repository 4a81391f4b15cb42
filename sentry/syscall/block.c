/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one wait.
 *
 * No wake is lost: the park is cleared, then the queue is joined, then the object is
 * looked at once more, and only then the thread sleeps.
 */
#include "sentry/syscall/block.h"

static void block_wake(struct waiter *w, unsigned bits)
{
    (void)bits;
    task_wake(container_of(w, struct block, waiter)->task);
}

static const struct waiter_ops block_waiter_ops = { .wake = block_wake };

void block_init(struct block *b, struct task *t, struct waitq *q)
{
    *b = (struct block){ .waiter = { .ops = &block_waiter_ops }, .task = t, .q = q };
}

int block_wait(struct block *b, nsec_t deadline)
{
    if (b->joined)
        return task_sleep(b->task, deadline);
    park_prepare(&b->task->park);
    waitq_add(b->q, &b->waiter);
    b->joined = true;
    return 0;
}

void block_done(struct block *b)
{
    if (b->joined)
        waitq_del(b->q, &b->waiter);
}
