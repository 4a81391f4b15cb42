/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of mm share: the address space, its ranges, and the rules between
 * its three views of memory.
 *
 *   vmas     what the guest asked for and may do
 *   table    which page is where now: a real x86-64 page table, made of frames
 *   shadow   what the platform has mapped
 *
 * The shadow never shows more than the table, and the table never allows more than
 * the vmas. While `partial` is not set the shadow shows all of the table but for what
 * is `late`; else the guest faults on what it lacks, and gets it from there.
 */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "base/rbtree.h"
#include "base/ref.h"
#include "sentry/core/platform_ref.h"
#include "sentry/mm/frame_priv.h"
#include "sentry/mm/mm.h"

#define VMAS_MAX    65530u            /* vm.max_map_count */
#define STACK_GUARD (256 * PAGE_SIZE) /* stack_guard_gap */

#define LATE_OPS    32u
#define EAGER_MOST  3u
#define GONE_RANGES 4u
#define GONE_PAGES  64u /* in each */
#define NARROW_OPS  8u

/* [I] never changes   [l] its lock   [a] atomic */
struct mm {
    struct ref ref;
    struct arena *arena;   /* [I] */
    struct mutex lock;     /* RANK_MM */
    struct rb_root vmas;   /* [l] by start */
    uint32_t nvmas;        /* [l] */
    struct vma *last;      /* [l] where the last look-up ended, or NULL */
    uint64_t gen;          /* [l] changes whenever a vma changes or pages are zapped */
    struct list graveyard; /* [l] vmas to be freed by mm_leave(), by vma.rmap */
    struct mm *next_dead;  /* while mappable_zap() holds the last reference */

    pfn_t root;                /* [I] the page table's first page */
    struct aspace *aspace;     /* [l] host; NULL: not made yet */
    bool owned;                /* [l] what is left of it may be used again, */
    struct aspace_owner owner; /* [l] by these */
    bool unseen;   /* [l] no guest has run in it: the shadow is empty until mm_aspace() */
    bool partial;  /* [l] the shadow may lack what the table has */
    uint64_t maps; /* [l] at most so many mappings has the shadow */

    struct limits *limits;          /* [l] borrowed */
    struct pid *process;            /* [l] the same, opaque; NULL: nobody's */
    const struct path_hooks *hooks; /* [l] NULL before there are paths */
    struct mm_layout layout;        /* [l] */
    uint64_t brk;                   /* [l] */
    uint32_t future;  /* [l] VMA_LOCKED, VMA_LOCK_ON_FAULT: what mlockall() wants for new ranges */
    void *auxv;       /* [l] arena */
    size_t auxv_size; /* [l] */
    void *exe;        /* [l] a reference by the hooks */

    uint64_t total, locked, data, stack, exec; /* [l] pages of vmas */
    uint64_t tables;                           /* [l] pages of the page table */
    uint64_t rss_anon, rss_file, rss_shmem;    /* [l] pages in the table */
    uint64_t peak_total, peak_rss;             /* [l] */

    uint64_t hole_top, hole_len; /* [l] above hole_top no hole of hole_len bytes: place.c */
    struct strike {
        uint64_t addr, sp, gen;
    } strike;            /* [l] the last fault for which there was no reason: fault.c */
    struct hot_set *hot; /* [I] what forks copy at once; the family's */
    struct late {
        uint32_t count;
        uint8_t eager, turn; /* what is known of small anonymous ranges */
        struct late_op {
            struct mem_op op;
            bool guess;
        } ops[LATE_OPS];
    } late; /* [l] what the platform has not been told of yet: late.c */
    struct {
        uint32_t count;
        struct gone_range {
            uint64_t va, pages;
            pfn_t pfn;
        } ranges[GONE_RANGES];
    } gone; /* [l] nor of the end of these: gone.c */
    struct {
        uint32_t count;
        struct mem_op ops[NARROW_OPS];
    } narrow;                /* [l] nor that these have fewer rights: narrow.c */
    _Atomic uint32_t pins;   /* io_pin()s under way; goes up under the lock only */
    struct patches *patches; /* [I] NULL where there are none: patch.h */
    _Atomic int dumpable;
    _Atomic bool thp_disabled;
    _Atomic bool may_lock; /* CAP_IPC_LOCK: RLIMIT_MEMLOCK does not count */
    _Atomic uint32_t membarrier;
};

/* The lock. Leaving frees what was removed: a file's last reference goes with no lock held. */
void mm_enter(struct mm *mm) ACQUIRES(mm->lock);
void mm_leave(struct mm *mm) RELEASES(mm->lock);
/* For who comes by way of a batch, where the compiler cannot see it. */
static inline void mm_assert_entered(struct mm *mm) ASSERTS_HELD(mm->lock)
{
    assert_slow(mutex_held(&mm->lock));
}
/* All of an empty mm but its aspace. Errors: ENOMEM. */
must_use int mm_alloc(struct arena *a, struct limits *limits, struct mm **out);
/* Its aspace is made of what its owner has left. False where there is nothing, or no owner. */
must_use bool mm_reuse_aspace(struct mm *mm) HOLDS(mm->lock);
/* Nobody has it any more. */
void mm_end(struct mm *mm);
/* An io_pin() has ended: fork() may wait for that. */
void mm_unpinned(struct mm *mm);

/* May `pages` more be there, with these flags and rights? Errors: ENOMEM. */
must_use int quota_grow(struct mm *mm, uint64_t pages, int prot, uint32_t flags) HOLDS(mm->lock);
/* May `pages` more be writable and private? Errors: ENOMEM. */
must_use int quota_own(struct mm *mm, uint64_t pages, uint32_t flags) HOLDS(mm->lock);
/* May `pages` more be locked? */
bool quota_lock(struct mm *mm, uint64_t pages) HOLDS(mm->lock);

/* Where `len` bytes fit: mmap(2)'s choice. Errors: ENOMEM. */
must_use int place_find(struct mm *mm, uint64_t hint, uint64_t len, bool low32, uint64_t *out)
    HOLDS(mm->lock);
/* [start, end) has become free. */
void place_freed(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
