/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What segments, sets of semaphores and queues of System V have in common: a key, an id, an
 * owner and a mode; and the table of all of one kind in a namespace.
 *
 * A table's lock comes before the locks of what is in it. Who is in the table has a reference
 * by it; who finds it there gets one more, and looks at `removed` under the object's lock.
 *
 *   [I] never changes   [T] the table's lock   [l] its own lock   [a] atomic
 *   source    sysvipc(7); ipc/util.c, Linux 6.6
 */
#pragma once

#include <linux/shm.h> /* struct ipc64_perm and IPC_* by way of it */

#include "base/lock.h"
#include "base/rbtree.h"
#include "base/ref.h"
#include "sentry/core/cred.h"

#define IPC_SLOTS_MAX 32768u /* IPCMNI: objects of one kind */

struct ipc_ns;
struct pid; /* task: opaque here */

/* How numbers of tasks are kept without knowing task/. Constants of our code. */
struct ipc_pid_hooks {
    struct pid *(*get)(struct pid *p);
    void (*put)(struct pid *p);
};

/* Who calls. All is borrowed. */
struct ipc_caller {
    struct ipc_ns *ns;
    const struct cred *cred;
    struct pid *pid;  /* of the process: opaque */
    const void *task; /* tells threads apart: opaque */
};

struct ipc_kind;

struct ipc_object {
    struct ref ref;
    const struct ipc_kind *kind;      /* [I] register both in the slab_type: IPC_OBJECT_PTRS */
    const struct ipc_pid_hooks *pids; /* [I] */
    struct mutex lock;                /* RANK_IPC_OBJECT */
    bool removed;                     /* [l] it is in no table any more */
    int key;                          /* changes under [T] and [l] both */
    int id;                           /* [I] once it is in a table */
    uint32_t uid, gid;                /* [l] kernel ids */
    uint32_t cuid, cgid;              /* [I] */
    uint32_t mode;                    /* [l] */
    struct rb_node by_key;            /* [T] where it has a key */
};

/* For a slab_type whose objects begin with `object`. */
#define IPC_OBJECT_PTRS(type) PTR_AT(type, object.kind), PTR_AT(type, object.pids)

/* What differs between the kinds. Constants of our code. */
struct ipc_kind {
    /*
     * A new one, in no table: ipc_object_init() has been called on it.
     *
     *   want      what the call asks for besides
     */
    int (*create)(const struct ipc_caller *c, int flags, const void *want, struct ipc_object **out);
    /* Does one that exists serve who asks for that? NULL: any does. Errors: EINVAL. */
    int (*serves)(const struct ipc_object *o, const void *want);
    /* May it be put in, as far as limits of the kind go? Under [T]. NULL: yes. Errors: ENOSPC. */
    int (*admit_locked)(const struct ipc_object *o, const struct ipc_caller *c);
    /* It has its id, and is in the table. Under [T]. NULL: nobody wants to know. */
    void (*enter_locked)(struct ipc_object *o, const struct ipc_caller *c);
    /* Nobody has it any more. */
    void (*destroy)(struct ipc_object *o);
};

struct ipc_ids {
    struct arena *arena;       /* [I] */
    struct mutex lock;         /* RANK_IPC */
    struct ipc_object **slots; /* [l] arena */
    uint32_t nslots, in_use;   /* [l] */
    uint32_t next;             /* [l] where the next free slot is looked for */
    int last;                  /* [l] the slot given last; -1 */
    uint32_t seq;              /* [l] the sequence number of the next id */
    struct rb_root keys;       /* [l] */
    _Atomic int next_id;       /* what the next id is to be: /proc/sys/kernel/…_next_id; -1 */
};

void ipc_ids_init(struct ipc_ids *ids, struct arena *a);
/* It is empty. */
void ipc_ids_destroy(struct ipc_ids *ids);

/*
 * shmget(2), semget(2), msgget(2).
 *
 *   flags     IPC_CREAT, IPC_EXCL, and the mode
 *   most      how many there may be
 *   returns   its id
 *   errors    ENOENT, EEXIST, EACCES, ENOSPC, ENOMEM; those of the kind
 */
must_use int ipc_ids_open(struct ipc_ids *ids, const struct ipc_caller *c,
                          const struct ipc_kind *kind, int key, int flags, const void *want,
                          uint32_t most);
/* By id: given. Errors: EINVAL. */
must_use int ipc_ids_get(struct ipc_ids *ids, int id, struct ipc_object **out);
/* By slot, as SHM_STAT counts them: given. Errors: EINVAL. */
must_use int ipc_ids_get_slot(struct ipc_ids *ids, int slot, struct ipc_object **out);
/* The first at or behind `*slot`, which becomes its own: given; NULL at the end. */
must_use struct ipc_object *ipc_ids_next(struct ipc_ids *ids, uint32_t *slot);
/* The highest slot in use; 0 where there is none. How many there are, where wanted. */
int ipc_ids_highest(struct ipc_ids *ids, uint32_t *in_use);
/* Takes it out. Its reference by the table is the caller's from then on. */
void ipc_ids_remove_locked(struct ipc_ids *ids, struct ipc_object *o) HOLDS(ids->lock, o->lock);
/* It keeps its id, and cannot be found by its key any more. */
void ipc_ids_forget_key_locked(struct ipc_ids *ids, struct ipc_object *o) HOLDS(ids->lock, o->lock);

void ipc_object_init(struct ipc_object *o, const struct ipc_kind *kind, const struct ipc_caller *c,
                     int flags);
struct ipc_object *ipc_object_get(struct ipc_object *o);
/* NULL is fine. */
void ipc_object_put(struct ipc_object *o);
DEFINE_SCOPED(ipc_object)

/* May the caller do this (S_IRUGO, S_IWUGO, or both)? Errors: EACCES. */
must_use int ipc_object_may_locked(const struct ipc_object *o, const struct ipc_caller *c, int mode)
    HOLDS(o->lock);
/* Is it the owner, or creator, or as good as that? Errors: EPERM. */
must_use int ipc_object_owned_locked(const struct ipc_object *o, const struct ipc_caller *c)
    HOLDS(o->lock);
/* IPC_SET. Errors: EINVAL where an id has no mapping. */
must_use int ipc_object_set_locked(struct ipc_object *o, const struct ipc_caller *c,
                                   const struct ipc64_perm *from) HOLDS(o->lock);
/* IPC_STAT, with ids as `ns` shows them. */
void ipc_object_stat_locked(const struct ipc_object *o, const struct user_ns *ns,
                            struct ipc64_perm *out) HOLDS(o->lock);

/* Now, in seconds: what IPC_STAT shows. */
int64_t ipc_time(struct arena *a);
/* Keeps the number of who did something last, in place of who did before. */
void ipc_object_note_pid(const struct ipc_object *o, struct pid **who, struct pid *pid);
