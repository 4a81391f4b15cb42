/* SPDX-License-Identifier: Apache-2.0 */
/* A segment, as the files of shm see it. */
#pragma once

#include "sentry/ipc/shm.h"

/* Bits of a mode: sys/shm.h of libc. */
#define SHM_DEST   01000u /* goes with the last range */
#define SHM_LOCKED 02000u

struct shm_segment {
    struct ipc_object object;
    struct mappable mappable;    /* what ranges map: it counts them */
    struct mappable *memory;     /* [I] a reference: where the frames are */
    struct shm_table *table;     /* [I] a reference */
    struct path_ref *path;       /* [I] /SYSV…, for /proc/PID/maps */
    uint64_t size;               /* [I] bytes, as asked for */
    uint64_t nattch;             /* [o] ranges, and calls of shmat(2) under way */
    int64_t atime, dtime, ctime; /* [o] seconds */
    struct pid *cpid, *lpid;     /* [o] references by object.pids */
    const void *creator;         /* [T] a thread; weak: cleared by shm_exit() */
    uint32_t locker;             /* [o] whose locked memory it is, where SHM_LOCKED */
};

extern const struct mappable_ops shm_mappable_ops;

static inline struct shm_segment *shm_of(struct ipc_object *o)
{
    return container_of(o, struct shm_segment, object);
}

static inline uint64_t shm_pages(const struct shm_segment *s)
{
    return page_up(s->size) / PAGE_SIZE;
}

/* By id, with a reference. Errors: EINVAL. */
must_use int shm_find(const struct ipc_caller *c, int id, struct shm_segment **out);
/* Both locks that its end takes. */
static inline void shm_enter(struct shm_segment *s) ACQUIRES(s->table->ids.lock, s->object.lock);
static inline void shm_enter(struct shm_segment *s)
{
    mutex_lock(&s->table->ids.lock);
    mutex_lock(&s->object.lock);
}

static inline void shm_leave(struct shm_segment *s) RELEASES(s->table->ids.lock, s->object.lock);
static inline void shm_leave(struct shm_segment *s)
{
    mutex_unlock(&s->object.lock);
    mutex_unlock(&s->table->ids.lock);
}

/* Out of the table, whose reference is the caller's from then on. */
void shm_leave_table_locked(struct shm_segment *s) HOLDS(s->table->ids.lock, s->object.lock);
/*
 * One range fewer, or one call of shmat(2). May take it out of the table.
 *
 *   by        who is noted as the last to have done something; NULL: nobody
 *   detached  the time is noted, too
 *   locks     takes RANK_IPC; the caller has a reference besides the table's
 */
void shm_release(struct shm_segment *s, struct pid *by, bool detached);
