/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and the file system behind the tables of entry.h. */
#pragma once

#include "sentry/proc/entry.h"
#include "sentry/vfs/superblock.h"

struct proc_fs {
    struct superblock sb;
    struct pid_ns *pids; /* [I] whose numbers it shows: a reference; NULL: none (sysfs) */
};

/* [I] never changes */
struct proc_node {
    struct inode inode;
    const struct proc_entry *entry; /* [I] */
    struct pid *pid;                /* [I] a reference, or NULL */
    bool thread;                    /* [I] */
    uint64_t arg;                   /* [I] */
};

static inline struct proc_node *proc_node_of(struct inode *i)
{
    return container_of(i, struct proc_node, inode);
}

static inline struct proc_fs *proc_fs_of(const struct inode *i)
{
    return container_of(i->sb, struct proc_fs, sb);
}

/* Errors: ENOMEM. `found->pid` stays the caller's. */
must_use int proc_node_create(struct proc_fs *fs, const struct proc_found *found, uint64_t ino,
                              struct inode **out);
#define PROC_ROOT_INO 1
/* The number of the inode that a name has in the directory of number `dir`. */
uint64_t proc_ino(uint64_t dir, const char *name);

/*
 * Begins a look; proc_view_end() ends it.
 *
 *   who       may be NULL
 *   errors    ESRCH where the process is gone
 */
must_use int proc_view_begin(struct proc_view *v, struct inode *i, const struct actor *who);
void proc_view_end(struct proc_view *v);
/* May who looks do so? PROC_PEEK. Errors: EACCES. */
must_use int proc_check_peek(const struct proc_view *v, const struct proc_entry *e);

/* file.c, dir.c */
must_use int proc_file_open(struct inode *i, const struct path *at, int flags,
                            const struct actor *who, struct file **out);
must_use int proc_dir_open(struct inode *i, const struct path *at, int flags,
                           const struct actor *who, struct file **out);

/* Makes a file system of a table. `type` is a constant; `pids` is taken, NULL for none. */
must_use int proc_fs_create(struct arena *a, const char *type, uint32_t magic,
                            const struct proc_entry *root, struct pid_ns *pids,
                            struct dentry **out);
