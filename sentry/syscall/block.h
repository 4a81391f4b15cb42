/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where a guest thread waits.
 *
 *   BLOCK(t, f, bits, attempt)
 *       until `attempt` gives something other than -EAGAIN; -EAGAIN itself where `f`
 *       is O_NONBLOCK, or a timeout of its own has passed
 *   BLOCK_UNTIL(t, f, bits, deadline, attempt)
 *       the same with a deadline: -EAGAIN when it has passed
 *   BLOCK_ON(t, q, deadline, attempt)
 *       on a bare wait queue: -ETIMEDOUT when it has passed
 *
 * All give -ERESTARTSYS where a signal came first. Each joins the queue before its
 * second attempt, so that no wake is lost, and leaves it before it returns.
 */
#pragma once

#include "base/time.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

/* One wait of one task on one queue. Lives on the stack of the call. */
struct block {
    struct waiter waiter;
    struct task *task;
    struct waitq *q;
    bool joined;
};

void block_init(struct block *b, struct task *t, struct waitq *q);
/*
 * First call: joins the queue and returns 0, so that the attempt is made once more.
 * Later calls: sleeps.
 *
 *   errors    ETIMEDOUT, ERESTARTSYS
 */
must_use int block_wait(struct block *b, nsec_t deadline);
void block_done(struct block *b);

#define BLOCK_ON(t, queue, deadline, attempt)            \
    ({                                                   \
        struct block b_;                                 \
        long r_;                                         \
        block_init(&b_, (t), (queue));                   \
        while ((r_ = (attempt)) == -EAGAIN) {            \
            int wait_err_ = block_wait(&b_, (deadline)); \
            if (wait_err_) {                             \
                r_ = wait_err_;                          \
                break;                                   \
            }                                            \
        }                                                \
        block_done(&b_);                                 \
        r_;                                              \
    })

#define BLOCK_UNTIL(t, f, bits, deadline, attempt)                                  \
    ({                                                                              \
        long once_ = (attempt);                                                     \
        (void)(bits);                                                               \
        if (once_ == -EAGAIN && !file_nonblock(f)) {                                \
            once_ = BLOCK_ON((t), file_waitq_for((f), (t)), (deadline), (attempt)); \
            if (once_ == -ETIMEDOUT)                                                \
                once_ = -EAGAIN;                                                    \
        }                                                                           \
        once_;                                                                      \
    })

/* When a wait for `bits` of this file ends by itself: sockets have timeouts of their own. */
static inline nsec_t file_deadline(const struct task *t, struct file *f, unsigned bits)
{
    nsec_t span = f->ops->patience ? f->ops->patience(f, bits & POLLOUT) : 0;

    return span ? nsec_add(task_now(t, CLOCK_ID_MONOTONIC), span) : NSEC_NEVER;
}

/* A signal makes a call again, but not one that had a deadline of its own: socket(7). */
#define BLOCK(t, f, bits, attempt)                                     \
    ({                                                                 \
        nsec_t until_ = file_deadline((t), (f), (bits));               \
        long done_ = BLOCK_UNTIL(t, f, bits, until_, attempt);         \
        done_ == -ERESTARTSYS &&until_ != NSEC_NEVER ? -EINTR : done_; \
    })
