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
