/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks on files: flock(2), and the record locks of fcntl(2), of processes and of
 * open file descriptions.
 *
 * Nothing here waits: a lock that is held by somebody else gives -EAGAIN, and the
 * queue is woken when one is given up.
 */
#pragma once

#include "sentry/vfs/file.h"

struct fdtable;
struct file_locks;

/* What every inode_destroy() does; NULL is fine. */
void file_locks_destroy(struct file_locks *l);
/* The last reference to `f` is gone: its flock and its description's record locks go. */
void file_locks_drop_file(struct file *f);
/* A descriptor of the table was closed: the process's record locks on the inode go. */
void file_locks_drop_owner(struct inode *i, const struct fdtable *owner);

/*
 * flock(2), once.
 *
 *   op        LOCK_SH, LOCK_EX or LOCK_UN. As in Linux, a lock that is to be changed is
 *             given up first, and stays so where the new one cannot be had.
 *   errors    EAGAIN, ENOMEM
 */
must_use int flock_try(struct file *f, int op);

/* A record lock as fcntl(2) sees it; bytes are counted from the start of the file. */
struct record {
    const void *owner; /* a process's fdtable, or a file for an open file description's */
    int pid;           /* of the owner; -1 for a description's */
    bool exclusive;
    uint64_t start, end; /* bytes; `end` is the last one, INT64_MAX: to the end of the file */
};

/* Where one waits for a record lock: remembered, so that circles are found. */
struct record_wait;

/*
 * F_SETLK, once; and one attempt of F_SETLKW where `wait` is given.
 *
 *   wait      in and out: NULL at first; record_wait_end() follows. NULL: not going to wait
 *   errors    EAGAIN; EDEADLK where the owner would wait for itself; ENOMEM (ENOLCK in fcntl)
 */
must_use int record_try(struct inode *i, const struct record *r, struct record_wait **wait);
void record_wait_end(struct inode *i, struct record_wait *wait);
/* F_UNLCK. Errors: ENOMEM, where one lock becomes two. */
must_use int record_unlock(struct inode *i, const struct record *r);
/* F_GETLK: the first lock that is in the way of `r`; false where none is. */
must_use bool record_test(struct inode *i, const struct record *r, struct record *out);

/* Woken whenever a lock on the inode is given up. Errors: ENOMEM. Lives as long as the inode. */
must_use int file_locks_queue(struct inode *i, struct waitq **out);
