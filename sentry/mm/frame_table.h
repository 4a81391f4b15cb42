/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame table: what frame.c, buddy.c, trim.c and ram.c share, and nobody else but
 * pagetable.c, which looks at it for each entry that it changes.
 *
 * The entries lie in memory that costs something only where it is written: those of
 * frames that were never used, and head no free block, are all zero and stay so.
 */
#pragma once

#include "base/lock.h"
#include "sentry/core/timer.h"
#include "sentry/mm/frame_priv.h"

#define ORDERS 19u  /* block sizes, in powers of two: the largest is 1 GiB */
#define REGION 512u /* frames, whose dirty ones are counted together */

/* What is known of a frame's bytes. */
enum frame_bytes {
    FRAME_DIRTY = 1,  /* it is free and may hold old ones */
    FRAME_THERE = 2,  /* the host has a page for it, for sure */
    FRAME_FROZEN = 4, /* a page table that forks may share: pagetable.h */
};

struct frame {
    _Atomic uint32_t refs;
    uint32_t next, prev; /* [l] while it heads a free block: neighbours in its list, plus one */
    uint8_t free;        /* [l] while it heads a free block: the order plus one; else 0 */
    uint8_t bytes;       /* enum frame_bytes: [l] while it is free, else its owner's */
    uint16_t used;       /* its owner's: a page table's entries in use; 1 while it must be zeroed */
};
static_assert(sizeof(struct frame) == 16, "four to a cache line");

/* [I] never changes   [l] its lock   [a] atomic, written under the lock */
struct frames {
    struct mutex lock;      /* RANK_FRAMES */
    uint64_t count;         /* [I] frames of RAM */
    _Atomic uint64_t limit; /* [a] of them, how many may be in use */
    _Atomic uint64_t nfree; /* [a] */
    uint64_t ndirty;        /* [l] free frames that are dirty */
    uint64_t most_dirty;    /* [I] how many there may be, */
    uint64_t trim_again;    /* [l] or this where the last trim could not punch enough; else 0 */
    uint64_t moves;         /* [l] counts frames freed: while it grows, nobody is idle */
    uint64_t moves_seen;    /* [l] by the timer */
    bool timed;             /* [l] the timer is armed, or about to be */
    struct timer idle;      /* gives most of what is dirty back, once nobody uses any of it */
    unsigned expected;      /* [l] threads that are about to give frames back */
    bool trimming;          /* [l] somebody is giving frames back to the host */
    uint32_t heads[ORDERS]; /* [l] the youngest free block of each order, plus one */
    struct frame *table;    /* [I] */
    uint16_t *dirty_of;     /* [l] frames that are dirty, for each REGION */
};

/* Where RAM is in this process: outside the arena. */
struct ram {
    int fd;
    char *base;
    uint64_t size; /* bytes */
};

static inline struct frames *frames_of(struct arena *a)
{
    return (struct frames *)arena_root(a, ROOT_FRAMES);
}

static inline struct ram *ram_of(struct arena *a)
{
    return (struct ram *)arena_host(a, HOST_RAM);
}

static inline uint64_t frames_free(const struct frames *f)
{
    return atomic_load_explicit(&((struct frames *)f)->nfree, memory_order_relaxed);
}

/* So many more are free; `more` may be less than nothing. */
static inline void frames_free_add_locked(struct frames *f, int64_t more) HOLDS(f->lock);
static inline void frames_free_add_locked(struct frames *f, int64_t more)
{
    atomic_store_explicit(&f->nfree, frames_free(f) + (uint64_t)more, memory_order_relaxed);
}

/* All of RAM becomes free. Once. */
void buddy_init_locked(struct frames *f) HOLDS(f->lock);
/* [at, end) becomes free. */
void buddy_free_locked(struct frames *f, uint64_t at, uint64_t end) HOLDS(f->lock);
/* Takes `count` frames from `at` on, cut to the free block that they lie in. 0: not free. */
uint64_t buddy_take_at_locked(struct frames *f, uint64_t at, uint64_t count) HOLDS(f->lock);
/* Takes `count` frames in a row, or as many as there are; *at says where. 0: nothing is free. */
uint64_t buddy_take_locked(struct frames *f, uint64_t count, uint64_t *at) HOLDS(f->lock);
bool buddy_is_free_locked(const struct frames *f, uint64_t at) HOLDS(f->lock);
/* Are all blocks and links as they must be, and the sums right? */
bool buddy_check_locked(const struct frames *f) HOLDS(f->lock);

/* Marks what was freed, or the opposite: what is taken and dirty must be zeroed. */
void trim_mark_locked(struct frames *f, uint64_t at, uint64_t count) HOLDS(f->lock);
void trim_unmark_locked(struct frames *f, uint64_t at, uint64_t count) HOLDS(f->lock);
/* Of a new frame table. */
void trim_init(struct frames *f);
/* What is to be done about dirty frames, now that there are more. */
enum trim_due { TRIM_NOTHING, TRIM_WHEN_IDLE, TRIM_NOW };
enum trim_due trim_due_locked(struct frames *f) HOLDS(f->lock);
/* Does it. Locks: takes RANK_TIMER, RANK_FRAMES. */
void trim_run(struct arena *a, enum trim_due due);
