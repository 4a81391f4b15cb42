/* SPDX-License-Identifier: Apache-2.0 */
/* A set, as the files of sem see it. */
#pragma once

#include "base/list.h"
#include "sentry/ipc/sem.h"

struct sem_set {
    struct ipc_object object;
    struct sem *sems;     /* [I] arena; [o] what is in it */
    uint32_t count;       /* [I] */
    int64_t otime, ctime; /* [o] seconds */
    struct list queue;    /* [o] struct sem_wait, oldest first */
    struct list undos;    /* [T] and [o] both: struct sem_undo */
};

/* What one list of processes owes one set. */
struct sem_undo {
    struct list of_list; /* [T] in the list's */
    struct list of_set;  /* [T] and [o] both */
    struct sem_set *set; /* [I] weak: it takes its undos along when it is removed */
    int16_t *adjust;     /* [o] arena */
};

struct sem_undo_list {
    struct ref ref;
    struct arena *arena; /* [I] */
    struct list undos;   /* [T] of the namespace that its sets are in */
};

static inline struct sem_set *sem_of(struct ipc_object *o)
{
    return container_of(o, struct sem_set, object);
}

/* By id, with a reference. Errors: EINVAL. */
must_use int sem_find(const struct ipc_caller *c, int id, struct sem_set **out);

/* Values have changed: does on behalf of the waiters what can be done now, and wakes them. */
void sem_settle_locked(struct sem_set *s, bool note_time) HOLDS(s->object.lock);
/* All that wait get this answer. */
void sem_answer_all_locked(struct sem_set *s, int answer) HOLDS(s->object.lock);

/*
 * The debt of `l` to `s`, by number of semaphore: made if there is none. It goes with the set:
 * who takes the set's lock looks whether that has been removed before he looks in here.
 *
 *   errors    EIDRM, ENOMEM
 */
must_use int sem_undo_find(struct sem_table *t, struct sem_undo_list *l, struct sem_set *s,
                           int16_t **adjust);
/* It is removed: nobody owes it anything any more. */
void sem_undo_forget_locked(struct sem_table *t, struct sem_set *s)
    HOLDS(t->ids.lock, s->object.lock);
