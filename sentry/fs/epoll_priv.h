/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make up epoll share. */
#pragma once

#include "base/rbtree.h"
#include "sentry/fs/epoll.h"

/* Bits that say how to report, not what. */
#define HOW_BITS ((uint32_t)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE))

/*
 * [I] never changes   [l] under lock   [r] under ready_lock   [graph] under RANK_EPOLL_GRAPH
 *
 * Its memory outlives the file for as long as it has items: the item of a file that is
 * just being closed is taken away by that close.
 */
struct epoll {
    struct file file;
    struct ref memory;       /* one of the file, one of each item */
    struct mutex lock;       /* RANK_EPOLL */
    struct rb_root items;    /* [l] of epoll_item, by file and fd */
    struct mutex ready_lock; /* RANK_READY */
    struct list ready;       /* [r] of epoll_item, oldest first */
    uint32_t ready_count;    /* [r] */
    uint64_t seen;           /* [graph] the last search that came here … */
    int depth;               /* [graph] … and what it found */
};

struct epoll_item {
    struct rb_node node;     /* [l] */
    struct epoll *epoll;     /* [I] a reference to its memory */
    struct file *file;       /* [I] weak: there while the item is in `items` */
    int fd;                  /* [I] */
    struct file_watch watch; /* in file.watches */
    struct waiter waiter;    /* in file.waitq */
    struct list ready_node;  /* [r] */
    _Atomic uint32_t events; /* writes [l]; 0 but for HOW_BITS: disabled by EPOLLONESHOT */
    uint64_t data;           /* [l] */
};

static inline struct epoll *epoll_of(struct file *f)
{
    return container_of(f, struct epoll, file);
}

static inline uint32_t item_events(const struct epoll_item *i)
{
    return atomic_load_explicit(&i->events, memory_order_relaxed);
}

void epoll_memory_put(struct epoll *ep);

/* ---- epoll_ready.c ---- */

extern const struct waiter_ops epoll_waiter_ops;
extern const struct file_watch_ops epoll_watch_ops; /* of struct epoll_item.watch */

/* What of the item's interest is true now, to `t` (NULL: to everybody). */
uint32_t item_poll_locked(struct epoll *ep, struct epoll_item *i, struct task *t) HOLDS(ep->lock);
/* Puts it on the ready list if it is not there, and wakes who waits. */
void item_make_ready(struct epoll_item *i);
void item_forget_ready(struct epoll_item *i);
/* file_ops.poll of an epoll file. */
unsigned epoll_poll(struct file *f);

/* ---- epoll_graph.c ---- */

/*
 * May `ep` watch `target`, which is an epoll too?
 *
 *   errors    ELOOP where that would make a circle, or more than five in a row
 *   locks     RANK_EPOLL_GRAPH of the sandbox is held
 */
must_use int epoll_check_nesting(struct epoll *ep, struct epoll *target);
