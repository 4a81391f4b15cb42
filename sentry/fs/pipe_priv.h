/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make up pipes share. */
#pragma once

#include "sentry/core/slab.h"
#include "sentry/fs/pipe.h"

#define PIPE_SLOTS     16u                 /* of a new pipe: 64 KiB */
#define PIPE_SLOTS_MAX (UINT32_C(1) << 19) /* 2 GiB */
#define PIPE_MAX_SIZE  (UINT64_C(1) << 20) /* /proc/sys/fs/pipe-max-size */
#define PIPE_SPARES    2

struct pipe_page {
    uint8_t bytes[PAGE_SIZE];
};

extern const struct slab_type pipe_page_slab;

enum {
    SLOT_MERGE = 1,  /* a later write may add to it */
    SLOT_PACKET = 2, /* O_DIRECT: read whole or cut off */
};

/*
 * A ring of slots: `head` and `tail` count up for ever and are cut by the mask.
 *
 *     tail                head
 *      | oldest … newest | free …
 *
 * [I] never changes   [l] under lock   [i] under inode->lock
 */
struct pipe {
    struct mutex lock;         /* RANK_PIPE */
    struct arena *arena;       /* [I] */
    struct pipe_slot *slots;   /* [l] `mask` + 1 of them; `first`, or from arena_alloc() */
    uint32_t mask, head, tail; /* [l] */
    uint32_t limit;            /* [l] slots that writers may fill; no more than there are */
    uint32_t readers, writers; /* [l] open ends of each kind */
    uint32_t read_opens;       /* [l] how often an end was opened for reading, ever */
    uint32_t write_opens;      /* [l] */
    struct list ends;          /* [l] of struct pipe_end */
    uint32_t users;            /* [i] ends and openers */
    struct pipe_page *spares[PIPE_SPARES]; /* [l] emptied pages kept for the next write */
    struct pipe_slot first[PIPE_SLOTS];
};

/* One open file. O_RDWR on a FIFO makes one that is a reader and a writer. */
struct pipe_end {
    struct file file;
    struct pipe *pipe;      /* [I] */
    struct list node;       /* [pipe] in pipe.ends */
    uint32_t partner_opens; /* [I] of the other kind, when this end was opened without one */
    bool lonely;            /* [I] opened without a partner */
};

static inline bool ring_is_empty(const struct pipe *p)
{
    return p->head == p->tail;
}

static inline uint32_t ring_used(const struct pipe *p)
{
    return p->head - p->tail;
}

static inline bool ring_is_full(const struct pipe *p)
{
    return ring_used(p) >= p->limit;
}

static inline struct pipe_slot *ring_slot(struct pipe *p, uint32_t at)
{
    return &p->slots[at & p->mask];
}

/* ---- pipe_ring.c: bytes in slots; all under p->lock ---- */

/* A page for the next slot: a spare, or a new one, or NULL. */
must_use struct pipe_page *ring_page_locked(struct pipe *p) HOLDS(p->lock);
/* Keeps an emptied page, or frees it. */
void ring_spare_locked(struct pipe *p, struct pipe_page *page) HOLDS(p->lock);
/* Takes bytes from `io` until it is empty or the ring full. Returns bytes, or -EAGAIN, -EFAULT,
 * -ENOMEM. */
must_use ssize_t ring_write_locked(struct pipe *p, struct io *io, bool packets) HOLDS(p->lock);
/* Gives bytes to `io`. Returns bytes, 0 where the ring is empty, or -EFAULT. */
must_use ssize_t ring_read_locked(struct pipe *p, struct io *io) HOLDS(p->lock);
/* Bytes in the ring. */
uint64_t ring_size_locked(struct pipe *p) HOLDS(p->lock);
/* Moves to an array of `count` slots, a power of two; `limit` stays. Errors: EBUSY, ENOMEM. */
must_use int ring_resize_locked(struct pipe *p, uint32_t count) HOLDS(p->lock);
/* Frees all pages and slots. */
void ring_destroy(struct pipe *p);

/* ---- pipe.c ---- */

struct pipe_end *pipe_end_of(struct file *f);
/* The same where `f` may be another kind of file: NULL. */
struct pipe *pipe_of(const struct file *f);
/* A pipe with no ends and one user. NULL: no memory. */
must_use struct pipe *pipe_alloc(struct arena *a);
/* An end that is not counted among readers and writers yet. `at` may be NULL. NULL: no memory. */
must_use struct pipe_end *pipe_end_alloc(struct pipe *p, struct inode *inode, const struct path *at,
                                         int flags, const struct cred *cred);
/* Wakes the ends that are open for reading (POLLIN and kin in `bits`) or for writing. */
void pipe_wake_locked(struct pipe *p, uint32_t kind, unsigned bits) HOLDS(p->lock);
void pipe_free(struct pipe *p);
int fifo_await_open(struct file *f);
