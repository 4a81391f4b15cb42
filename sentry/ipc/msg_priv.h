/* SPDX-License-Identifier: Apache-2.0 */
/* A queue, as the files of msg see it. */
#pragma once

#include "sentry/ipc/msg.h"

struct msg_queue {
    struct ipc_object object;
    struct list messages;        /* [o] struct msg, oldest first */
    struct list receivers;       /* [o] struct msg_wait, oldest first */
    struct waitq senders;        /* woken when there is more room, or none will ever be */
    uint64_t bytes, count, most; /* [o] what is in it; at most so many bytes, and messages */
    int64_t stime, rtime, ctime; /* [o] seconds */
    struct pid *lspid, *lrpid;   /* [o] references by object.pids */
};

static inline struct msg_queue *msg_of(struct ipc_object *o)
{
    return container_of(o, struct msg_queue, object);
}

/* All that wait for a message get this answer. */
void msg_answer_all_locked(struct msg_queue *q, int error) HOLDS(q->object.lock);
