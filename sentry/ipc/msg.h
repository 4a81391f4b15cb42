/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message queues of System V.
 *
 * A message goes straight to the first that waits for one like it, and into the queue where
 * there is nobody. A receiver that has to wait stands in the queue in the order of arrival;
 * senders try again whenever there is room.
 *
 *   [I] never changes   [T] the table's lock   [o] the object's   [a] atomic
 *   source    msgget(2), msgop(2), msgctl(2); ipc/msg.c, Linux 6.6
 */
#pragma once

#include <linux/msg.h>

#include "base/list.h"
#include "sentry/core/waitq.h"
#include "sentry/ipc/ipc_object.h"

struct msg_queue;

/* All queues of a namespace. */
struct msg_table {
    struct ipc_ids ids;
    _Atomic int max, mnb, mni; /* [a] bytes of a message, of a queue to begin with; queues */
};

void msg_table_init(struct msg_table *t, struct arena *a);
/* The namespace ends: nobody waits in it. */
void msg_table_end(struct msg_table *t);

/* One message. It belongs to who has it: a sender, the queue, a receiver. */
struct msg {
    struct list node; /* [o] in queue->messages */
    int64_t type;     /* at least 1 */
    uint64_t size;    /* bytes */
    uint8_t text[];
};

/* Its text is for the caller to fill. Errors: ENOMEM. */
must_use int msg_create(struct arena *a, int64_t type, uint64_t size, struct msg **out);
void msg_destroy(struct msg *m);

/* msgget(2). Returns an id. Errors: those of ipc_ids_open(). */
must_use int msg_open_key(const struct ipc_caller *c, int key, int flags);
/* By id, with a reference: msg_queue_put(). Errors: EINVAL. */
must_use int msg_find(const struct ipc_caller *c, int id, struct msg_queue **out);
void msg_queue_put(struct msg_queue *q);

/*
 * Sends `*m`, which is taken: NULL then.
 *
 *   errors    EAGAIN where it is full: the senders' queue is woken when it is not;
 *             EACCES, EIDRM
 */
must_use int msg_send(struct msg_queue *q, const struct ipc_caller *c, struct msg **m);
/* Who waits for room. */
struct waitq *msg_senders(struct msg_queue *q);

/* Which message. */
enum msg_search { MSG_ANY, MSG_EQUAL, MSG_NOT_EQUAL, MSG_LESS_EQUAL, MSG_NUMBER };

struct msg_want {
    enum msg_search search;
    int64_t type;  /* or its number in the queue, from 0: MSG_COPY, which leaves it there */
    uint64_t room; /* bytes: a longer one is E2BIG, */
    bool cut;      /* unless it may be cut: MSG_NOERROR */
};

/* One call that waits. On the caller's stack. */
struct msg_wait {
    struct waitq waitq; /* woken once it is answered */
    struct msg_queue *queue;
    struct msg_want want;
    struct pid *pid;  /* borrowed */
    struct list node; /* [o] in queue->receivers */
    struct msg *msg;  /* what it was given */
    int error;        /* or why it was given nothing; EAGAIN: it has to look again */
    _Atomic bool answered;
};

/*
 * Takes one, or waits for it.
 *
 *   wait      0: ENOMSG where there is none
 *   out       given: msg_destroy()
 *   returns   0; 1 where it waits: msg_receive_end() must follow, after w->waitq was woken or not
 *   errors    ENOMSG, E2BIG, EACCES, EIDRM
 */
must_use int msg_receive_begin(struct msg_queue *q, const struct ipc_caller *c,
                               const struct msg_want *want, struct msg_wait *w, struct msg **out);
static inline bool msg_receive_is_answered(const struct msg_wait *w)
{
    return atomic_load(&w->answered);
}
/* Waits no more. Errors: EINTR where there is no answer; EAGAIN: begin again; those above. */
must_use int msg_receive_end(struct msg_wait *w, struct msg **out);
/* MSG_COPY: a copy. Errors: EINVAL where it would be cut, by `room` or msgmax; ENOMEM besides. */
must_use int msg_peek(struct msg_queue *q, const struct ipc_caller *c, const struct msg_want *want,
                      struct msg **out);

/* msgctl(2). Errors of all: EINVAL, EIDRM. */
must_use int msg_remove(const struct ipc_caller *c, int id);                             /* EPERM */
must_use int msg_set(const struct ipc_caller *c, int id, const struct msqid64_ds *from); /* EPERM */

/* As struct shm_stat, and its functions. */
struct msg_stat {
    struct msqid64_ds ds;      /* but for its pids */
    struct pid *lspid, *lrpid; /* references: msg_stat_put(); NULL: none */
    int id;
};
must_use int msg_stat_get(const struct ipc_caller *c, int id, int cmd, struct msg_stat *out);
must_use bool msg_stat_next(const struct ipc_caller *c, uint32_t *slot, struct msg_stat *out);
void msg_stat_put(const struct ipc_ns *ns, struct msg_stat *s);
/* IPC_INFO, and MSG_INFO where `used`. Returns the highest slot in use. */
int msg_info(struct ipc_ns *ns, bool used, struct msginfo *out);
