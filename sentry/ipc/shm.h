/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory segments of System V.
 *
 * A segment is shared anonymous memory (mm/mappable.h) behind a mappable that counts the
 * ranges which map it. It is in its namespace's table until IPC_RMID; where it is attached
 * then, until the last range has gone. A range may outlive the namespace: so the table is
 * counted by itself, and each segment has a reference of it.
 *
 *   [I] never changes   [T] the table's lock   [o] the object's   [a] atomic
 *   source    shmget(2), shmop(2), shmctl(2); ipc/shm.c, Linux 6.6
 */
#pragma once

#include "include/uptr.h"
#include "sentry/ipc/ipc_object.h"
#include "sentry/mm/mappable.h"

struct mm;

struct shm_limits {
    _Atomic uint64_t max;    /* [a] bytes of one segment: shmmax */
    _Atomic uint64_t all;    /* [a] pages of all: shmall */
    _Atomic int mni;         /* [a] segments: shmmni */
    _Atomic int rmid_forced; /* [a] what nobody has attached goes with who made it */
};

/* All segments of a namespace. */
struct shm_table {
    struct ref ref;
    struct ipc_ids ids;
    struct shm_limits limits;
    uint64_t pages;           /* [T] of all segments in it */
    _Atomic uint32_t created; /* [a] changes under [T]: segments in it whose creator lives */
};

/* Errors: ENOMEM. */
must_use int shm_table_create(struct arena *a, struct shm_table **out);
/* The namespace ends: IPC_RMID for all, and its reference of the table. NULL is fine. */
void shm_table_end(struct shm_table *t);

/* shmget(2). Returns an id. Errors: those of ipc_ids_open(); EINVAL, EPERM. */
must_use int shm_open_key(const struct ipc_caller *c, int key, uint64_t size, int flags);

/*
 * shmat(2).
 *
 *   at        0: anywhere
 *   out       where it is
 *   errors    EINVAL, EIDRM, EACCES, ENOMEM; those of mm_map()
 */
must_use int shm_attach(const struct ipc_caller *c, struct mm *mm, int id, uptr_t at, int flags,
                        uptr_t *out);
/* shmdt(2). Errors: EINVAL. */
must_use int shm_detach(const struct ipc_caller *c, struct mm *mm, uptr_t at);

/* shmctl(2). Errors: EINVAL, EIDRM, EPERM. */
must_use int shm_remove(const struct ipc_caller *c, int id);
/* The same, and EINVAL for ids without a mapping. */
must_use int shm_set(const struct ipc_caller *c, int id, const struct shmid64_ds *from);
/*
 * SHM_LOCK and SHM_UNLOCK: kept as the segment's mode and as a count; frames are never swapped.
 *
 *   limit     RLIMIT_MEMLOCK in bytes
 *   errors    EPERM; ENOMEM past the limit
 */
must_use int shm_lock(const struct ipc_caller *c, int id, bool lock, uint64_t limit);

/* What IPC_STAT and /proc/sysvipc/shm show. */
struct shm_stat {
    struct shmid64_ds ds;    /* but for its pids */
    struct pid *cpid, *lpid; /* references: shm_stat_put(); NULL: none */
    uint64_t rss;            /* bytes */
    int id;
};
/*
 *   cmd       IPC_STAT by id, SHM_STAT by slot; SHM_STAT_ANY asks for no right
 *   errors    EINVAL, EIDRM, EACCES
 */
must_use int shm_stat_get(const struct ipc_caller *c, int id, int cmd, struct shm_stat *out);
/* The next one at or behind `*slot`, which then is the one behind it. False at the end. */
must_use bool shm_stat_next(const struct ipc_caller *c, uint32_t *slot, struct shm_stat *out);
void shm_stat_put(const struct ipc_ns *ns, struct shm_stat *s);

/* IPC_INFO and SHM_INFO. Return the highest slot in use. */
int shm_limits_info(const struct ipc_ns *ns, struct shminfo64 *out);
int shm_usage_info(const struct ipc_ns *ns, struct shm_info *out);

/* A thread ends, or leaves the namespace: exit_shm(). */
void shm_exit(struct ipc_ns *ns, const void *task);
/* shm_rmid_forced was set: what nobody has attached, and nobody who lives has made, goes. */
void shm_remove_orphans(struct ipc_ns *ns);
