/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up inotify share.
 *
 * One lock of the sandbox (fs_state.notify) guards all watches and all queues. A watch
 * holds the name it was made by, so that the inode stays known; when the name is gone it
 * lets go, and the inode's end is the end of the watch.
 */
#pragma once

#include <sys/inotify.h>

#include "base/rbtree.h"
#include "sentry/core/slab.h"
#include "sentry/fs/fs_priv.h"
#include "sentry/fs/inotify.h"

#define QUEUE_MAX   16384u   /* fs.inotify.max_queued_events */
#define WATCHES_MAX 1048576u /* fs.inotify.max_user_watches */
#define NAME_UNIT   sizeof(struct inotify_event)

/* struct inotify_event without the name behind it. */
struct event_head {
    int wd;
    uint32_t mask, cookie;
    uint32_t len; /* bytes of the name, with its padding */
};
static_assert(sizeof(struct event_head) == sizeof(struct inotify_event), "inotify(7)");

/* Something that happened, on its way to a reader. */
struct notice {
    struct list node;
    struct event_head event;
    char name[]; /* padded with zeroes */
};

/* [I] never changes   [n] under fs_state.notify */
struct inotify {
    struct file file;
    struct rb_root watches; /* [n] of struct watch, by number */
    uint32_t count;         /* [n] */
    int last_wd;            /* [n] numbers are given out in turn */
    struct list queue;      /* [n] of struct notice, oldest first */
    uint32_t queue_len;     /* [n] */
};

/* The interest of one instance in one inode. */
struct watch {
    struct rb_node node;    /* [n] in owner->watches */
    struct inotify *owner;  /* [I] weak: it takes its watches along */
    struct list inode_node; /* [n] in watches.list */
    struct inode *inode;    /* [n] weak: its end ends the watch */
    struct dentry *pin;     /* [n] a reference; NULL once the name is gone */
    int wd;                 /* [I] */
    uint32_t mask;          /* [n] */
    bool spent; /* [n] IN_ONESHOT has been told: it hears no more, and is about to end */
};

/* Of one inode; made with its first watch, freed with the inode. */
struct watches {
    struct list list; /* [n] of struct watch */
};

static inline struct mutex *notify_lock(struct arena *a)
{
    return &fs_state_of(a)->notify;
}

/* ---- inotify_queue.c; all under the lock ---- */

/* Queues an event, unless it repeats the last. */
void inotify_queue(struct inotify *i, int wd, uint32_t mask, uint32_t cookie, const char *name);
struct notice *inotify_pop(struct inotify *i);
ssize_t inotify_read(struct file *f, struct io *io, uint64_t *pos);
uint32_t inotify_queued_size(struct inotify *i);

/* ---- inotify.c ---- */

struct inotify *inotify_of(struct file *f);
/* Takes a watch away, with IN_IGNORED. What is to be put later goes to *pin. */
void inotify_end_watch(struct watch *w, struct dentry **pin);
