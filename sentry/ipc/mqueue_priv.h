/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the mqueue file system share.
 *
 * Locks, outermost first: `names` guards the directory, a queue's own lock its messages, its
 * line and who has it open.
 */
#pragma once

#include "base/rbtree.h"
#include "sentry/core/slab.h"
#include "sentry/ipc/mqueue.h"

/* [I] never changes   [a] atomic   [n] names */
struct mqueue_fs {
    struct superblock sb;
    struct inode root;
    struct mqueue_limits limits;
    _Atomic uint32_t queues; /* that exist, with a name or without */
    _Atomic bool closed;     /* its namespace has gone */
    _Atomic uint64_t next_ino;
    struct mutex names;     /* RANK_DENTRY */
    struct rb_root by_name; /* [n] struct mqueue */
    struct rb_root by_pos;  /* [n] the same, the oldest first */
    uint64_t last_pos;      /* [n] */
};

struct mqueue_msg {
    struct rb_node node; /* [l] in mqueue.msgs */
    size_t size;         /* [I] bytes */
    uint32_t priority;   /* [I] below ABI_MQ_PRIO_MAX */
    uint8_t bytes[];
};

/* [I] never changes   [l] under lock   [n] under fs->names */
struct mqueue {
    struct inode inode;
    struct rb_node by_name, by_pos; /* [n] */
    uint64_t pos;                   /* [n] position behind it in the directory: never reused */
    char *name;                     /* [I] arena; the only one it ever has */
    uint32_t charged_uid;           /* [I] whose RLIMIT_MSGQUEUE it counts against, */
    uint64_t charged;               /* [I] with so many bytes; 0: not counted yet */

    struct mutex lock;              /* RANK_PIPE */
    struct rb_root msgs;            /* [l] the most urgent first, of equals the oldest */
    uint64_t maxmsg, msgsize;       /* [I] messages; bytes */
    uint64_t curmsgs, size;         /* [l] messages in it, and their bytes */
    struct list senders, receivers; /* [l] struct mqueue_wait: first is who is served next */
    struct list files;              /* [l] struct mqueue_file */
    struct mqueue_notice *notice;   /* [l] owned; NULL */
};

struct mqueue_file {
    struct file file;
    struct list node; /* [q] in mqueue.files */
};

static inline struct mqueue_fs *mqueue_fs_of(const struct inode *i)
{
    return container_of(i->sb, struct mqueue_fs, sb);
}

static inline struct mqueue *mqueue_of(struct inode *i)
{
    return container_of(i, struct mqueue, inode);
}

/* ---- mqueue_fs.c ---- */

/* A file system with no queues, which `out`, given, is the root of. Errors: ENOMEM. */
must_use int mqueue_fs_create(struct arena *a, struct dentry **out);
/*
 * A new queue in the directory, as inode_ops.create but for `attr` (NULL: the defaults).
 * Errors: see mqueue_open().
 */
must_use int mqueue_fs_make(struct inode *dir, const char *name, uint32_t mode,
                            const struct abi_mq_attr *attr, const struct actor *who,
                            struct inode **out);

/* ---- mqueue.c ---- */

void mqueue_init(struct mqueue *q, uint64_t maxmsg, uint64_t msgsize);
/* All that is in it goes. Nobody has it any more. */
void mqueue_destroy(struct mqueue *q);
/* As poll(2) has it. */
unsigned mqueue_ready(struct mqueue *q);
/* Takes the notice off, where the process of `t` asked for it: given, or NULL. */
must_use struct mqueue_notice *mqueue_take_notice(struct mqueue *q, const struct task *t);

/* ---- mqueue_file.c ---- */

int mqueue_open_file(struct inode *i, const struct path *at, int flags, const struct actor *who,
                     struct file **out);
