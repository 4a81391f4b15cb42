/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of semaphores of System V.
 *
 * A call that cannot be done yet waits in the set's queue, in the order of arrival, and
 * whoever changes a value does it on its behalf (sem_op.c). So a set never blocks, its
 * waiters are served first come, first served, and only those wake who have their answer.
 *
 *   [I] never changes   [T] the table's lock   [o] the object's   [a] atomic
 *   source    semget(2), semop(2), semctl(2); ipc/sem.c, Linux 6.6
 */
#pragma once

#include "sentry/core/waitq.h"
#include "sentry/ipc/ipc_object.h"
#include "sentry/ipc/sem_solve.h"

struct sem_set;
struct sem_undo;
struct sem_undo_list;

/* All sets of a namespace. */
struct sem_table {
    struct ipc_ids ids;
    _Atomic int msl, mns, opm, mni; /* [a] /proc/sys/kernel/sem: in a set, in all, operations in a
                                       call, sets */
    uint32_t used;                  /* [T] semaphores in all sets */
};

void sem_table_init(struct sem_table *t, struct arena *a);
/* The namespace ends: nobody waits in it. */
void sem_table_end(struct sem_table *t);

/* semget(2). Returns an id. Errors: those of ipc_ids_open(); EINVAL. */
must_use int sem_open_key(const struct ipc_caller *c, int key, int count, int flags);

/* ---- semop(2) ---- */

/* One call, for as long as it takes. On the caller's stack. */
struct sem_wait {
    struct waitq waitq; /* woken once there is an answer */
    struct sem_request request;
    struct sem_set *set; /* a reference */
    struct pid *pid;     /* borrowed */
    struct list node;    /* [o] in set->queue */
    unsigned blocking;   /* [o] the operation that cannot be done */
    bool pending;        /* [o] in the queue */
    _Atomic int answer;  /* 0 or -errno, once it is not pending */
    _Atomic bool answered;
};

/*
 * Does it, or lets it wait.
 *
 *   ops       borrowed until sem_op_end()
 *   undo      the caller's list, for SEM_UNDO; NULL where no operation says it
 *   returns   whether it waits: then sem_op_end() must follow, after w->waitq was woken or not
 *   errors    EINVAL, EFBIG, EACCES, EIDRM, EAGAIN, ERANGE, ENOMEM
 */
must_use int sem_op_begin(const struct ipc_caller *c, struct sem_undo_list *undo, int id,
                          const struct sembuf *ops, unsigned count, struct sem_wait *w);
static inline bool sem_op_is_answered(const struct sem_wait *w)
{
    return atomic_load(&w->answered);
}
/* Waits no more. `*done`: there is an answer, which it returns. */
int sem_op_end(struct sem_wait *w, bool *done);

/* ---- SEM_UNDO ---- */

/* What is given back when the last thread of those that share it has ended. Errors: ENOMEM. */
must_use int sem_undo_create(struct arena *a, struct sem_undo_list **out);
struct sem_undo_list *sem_undo_get(struct sem_undo_list *l);
/*
 * A thread leaves it: by exit, unshare(CLONE_SYSVSEM), or for another ipc namespace.
 *
 *   ns        whose sets it is about
 *   by        who is noted as the last to have changed them
 */
void sem_undo_put(struct sem_undo_list *l, struct ipc_ns *ns, struct pid *by);

/* ---- semctl(2) ---- */

/* Errors of all: EINVAL, EIDRM. */
must_use int sem_remove(const struct ipc_caller *c, int id); /* EPERM */
must_use int sem_set_perm(const struct ipc_caller *c, int id, const struct semid64_ds *from);
must_use int sem_set_value(const struct ipc_caller *c, int id, int nr,
                           int value); /* ERANGE, EACCES */

/* What GETVAL, GETNCNT and GETZCNT answer. */
struct sem_one {
    int value;
    int nwait, zwait; /* who waits for it to grow, and to become zero */
    struct pid *pid;  /* a reference, or NULL */
};
must_use int sem_get_one(const struct ipc_caller *c, int id, int nr,
                         struct sem_one *out); /* EACCES */
/* How many are in it, for GETALL and SETALL; `mode` says what for. EACCES. */
must_use int sem_count(const struct ipc_caller *c, int id, int mode, unsigned *count);
must_use int sem_get_all(const struct ipc_caller *c, int id, uint16_t *values, unsigned count);
must_use int sem_set_all(const struct ipc_caller *c, int id, const uint16_t *values,
                         unsigned count); /* ERANGE */

/* As shm_stat_get(), shm_stat_next(). */
must_use int sem_stat_get(const struct ipc_caller *c, int id, int cmd, struct semid64_ds *out,
                          int *found);
must_use bool sem_stat_next(const struct ipc_caller *c, uint32_t *slot, struct semid64_ds *out,
                            int *id);
/* IPC_INFO, and SEM_INFO where `used`. Returns the highest slot in use. */
int sem_info(struct ipc_ns *ns, bool used, struct seminfo *out);
