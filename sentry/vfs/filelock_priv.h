/* SPDX-License-Identifier: Apache-2.0 */
/* The locks of one inode. */
#pragma once

#include "sentry/vfs/filelock.h"

struct file_lock {
    struct list node;    /* [l] */
    const void *owner;   /* [I] a file for flock; else see struct record. Weak: leaves before it */
    int pid;             /* [I] of records */
    bool exclusive;      /* [l] */
    uint64_t start, end; /* [l] of records */
};

/* [l] under lock */
struct file_locks {
    struct mutex lock;   /* RANK_FILELOCK */
    struct list flocks;  /* [l] */
    struct list records; /* [l] by start; those of one owner do not overlap */
    struct waitq waitq;
};

extern const struct slab_type file_lock_slab;

/* The locks of an inode, made where there were none. NULL: no memory. */
must_use struct file_locks *file_locks_of(struct inode *i);
/* NULL where nobody ever locked it. */
struct file_locks *file_locks_peek(struct inode *i);
/* Frees all of a list that are `owner`'s (all at all for NULL). Returns whether there were any. */
bool file_locks_free_locked(struct list *all, const void *owner);
