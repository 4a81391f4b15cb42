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
 * the vmas. While `partial` is not set the shadow shows all of the table; else the
 * guest faults on what it lacks, and gets it from there.
 */
#pragma once

#include <sys/types.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/rbtree.h"
#include "base/ref.h"
#include "sentry/core/platform_ref.h"
#include "sentry/mm/frame_priv.h"
#include "sentry/mm/mm.h"

#define VMAS_MAX         65530u            /* vm.max_map_count */
#define MMAP_MIN_ADDR    ((uint64_t)65536) /* vm.mmap_min_addr */
#define STACK_GUARD      (256 * PAGE_SIZE) /* stack_guard_gap */
#define NAME_SHARED_ANON "/dev/zero (deleted)"

enum vma_flags {
    VMA_SHARED = 1 << 0,
    VMA_MAY_READ = 1 << 1, /* mprotect may allow it */
    VMA_MAY_WRITE = 1 << 2,
    VMA_MAY_EXEC = 1 << 3,
    VMA_GROWS_DOWN = 1 << 4,
    VMA_LOCKED = 1 << 5,
    VMA_LOCK_ON_FAULT = 1 << 6,
    VMA_NO_RESERVE = 1 << 7,
    VMA_DONT_FORK = 1 << 8,
    VMA_WIPE_ON_FORK = 1 << 9,
    VMA_DONT_DUMP = 1 << 10,
    VMA_SEQUENTIAL = 1 << 11,
    VMA_RANDOM = 1 << 12,
    VMA_HUGE = 1 << 13,
    VMA_NO_HUGE = 1 << 14,
    VMA_SPECIAL = 1 << 15, /* of the sentry's making: does not merge, grow or move in part */
};

/* A range with one set of rights. All fields under the mm's lock but for `rmap`, the mappable's. */
struct vma {
    struct rb_node node;
    uint64_t start, end; /* bytes */
    uint32_t flags;      /* VMA_* */
    int prot;            /* PROT_* */
    uint64_t pgoff;      /* the page of the mappable at `start`; anonymous: start's own number */
    struct mm *mm;       /* [I] */
    struct mappable *mappable; /* [I] a reference; NULL: private anonymous */
    void *path;                /* [I] a reference by the mm's hooks, or NULL */
    const char *name;          /* [I] special: as shown in maps */
    struct list rmap;          /* in mappable->vmas */
    uint64_t zap_seq;          /* the last zap that has dealt with it; the mappable's lock */
    uint64_t fault_next;       /* where the next fault of a sequence would be */
    uint32_t fault_pages;      /* how much the last one mapped */
    bool had_pages;            /* a fault made a private page: it keeps its pgoff when it moves */
};

#define HOT_CHUNKS 8

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

    pfn_t root;            /* [I] the page table's first page */
    struct aspace *aspace; /* [l] host; NULL: not made yet */
    bool unseen;           /* [l] no guest has run in it: the shadow is empty until mm_aspace() */
    bool partial;          /* [l] the shadow may lack what the table has */
    uint64_t maps;         /* [l] at most so many mappings has the shadow */

    struct limits *limits;          /* [l] borrowed */
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
    } strike; /* [l] the last fault for which there was no reason: fault.c */
    struct hot {
        uint64_t at;
        uint32_t forks;    /* that it is remembered for */
    } hot[HOT_CHUNKS];     /* [l] chunks that were copied on write after a fork: fork.c */
    _Atomic uint32_t pins; /* io_pin()s under way; goes up under the lock only */
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
/* The chunk of `va` had to be copied: the next fork had better do that ahead. */
void fork_note_hot(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* An io_pin() has ended: fork() may wait for that. */
void mm_unpinned(struct mm *mm);
/* Nobody has it any more. */
void mm_destroy(struct mm *mm);

/* ---- page table: pagetable.c ---- */

/*
 * An entry is as the processor reads it. Accessed and dirty are always set, so that it
 * never writes there. Of the bits that it leaves to us:
 */
typedef uint64_t pte_t;
#define PTE_PRESENT   ((pte_t)1 << 0)
#define PTE_WRITE     ((pte_t)1 << 1)
#define PTE_USER      ((pte_t)1 << 2)
#define PTE_ACCESSED  ((pte_t)1 << 5)
#define PTE_DIRTY     ((pte_t)1 << 6)
#define PTE_COW       ((pte_t)1 << 9)  /* an anonymous frame that others may have, too */
#define PTE_HIDDEN    ((pte_t)1 << 10) /* there, but PROT_NONE: not present */
#define PTE_ANON      ((pte_t)1 << 11) /* a frame of this range's own; else the mappable's page */
#define PTE_MAY_WRITE ((pte_t)1 << 52) /* a mappable's page that a shared mapping may write */
#define PTE_NO_EXEC   ((pte_t)1 << 63)
#define PTE_PFN       ((pte_t)0x000ffffffffff000)

#define LEAF_SIZE ((uint64_t)1 << 21) /* bytes that one page of entries covers */

static inline pfn_t pte_pfn(pte_t e)
{
    return (e & PTE_PFN) >> PAGE_SHIFT;
}

/* What the platform is to allow. */
static inline int pte_prot(pte_t e)
{
    if (!(e & PTE_PRESENT))
        return PROT_NONE;
    return PROT_READ | (e & PTE_WRITE ? PROT_WRITE : 0) | (e & PTE_NO_EXEC ? 0 : PROT_EXEC);
}

/* The entry for a page with the rights that `v` gives now. `bits`: PTE_ANON, PTE_COW,
 * PTE_MAY_WRITE. */
pte_t pte_make(const struct vma *v, pfn_t pfn, pte_t bits);

must_use int pt_create(struct mm *mm);
/* All entries are clear. */
void pt_destroy(struct mm *mm) HOLDS(mm->lock);
/* The entry of a page, NULL where there is no table for it. */
pte_t *pt_find(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* The same, and makes tables. NULL: no frame is left. */
pte_t *pt_make(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* Changes an entry and all that is counted of it. Entry and value may be empty. */
void pt_set(struct mm *mm, uint64_t va, pte_t *slot, pte_t value) HOLDS(mm->lock);
/* The first address from `va` on with a table, or `end`. */
uint64_t pt_next(struct mm *mm, uint64_t va, uint64_t end) HOLDS(mm->lock);
struct batch;
/* Takes out tables without entries; their frames go with the batch. */
void pt_trim(struct mm *mm, uint64_t start, uint64_t end, struct batch *b) HOLDS(mm->lock);

/*
 * Goes over the entries of [start, end) that are in use. The body may change them.
 * Give it a `uint64_t va` and a `pte_t *slot`.
 */
#define pt_for_each(mm, va, slot, start, end) \
    for ((va) = (start); ((slot) = pt_step((mm), &(va), (end))) != NULL; (va) += PAGE_SIZE)
pte_t *pt_step(struct mm *mm, uint64_t *va, uint64_t end) HOLDS(mm->lock);

/* ---- the shadow: shadow.c ---- */

#define BATCH_OPS  48
#define BATCH_RUNS 96

/*
 * Changes of the table on their way to the platform, and frames that may go once it
 * has made them. Lives on a stack, from batch_begin() to batch_end() under the mm's lock.
 */
struct batch {
    struct mm *mm;
    uint32_t nops, nruns;
    pfn_t next;   /* while the last operation is a MEM_MAP: the page that would continue it */
    uint64_t run; /* and how many of its file's pages would, from there on */
    struct mem_op ops[BATCH_OPS];
    struct {
        pfn_t pfn;
        uint64_t count;
    } runs[BATCH_RUNS];
};

void batch_begin(struct batch *b, struct mm *mm);
/* `count` entries from `va` on are now `e` and the pages after it: shows them, whatever was there.
 */
void batch_map(struct batch *b, uint64_t va, pte_t e, uint64_t count);
/* Nothing is to be seen in the range. */
void batch_unmap(struct batch *b, uint64_t va, uint64_t size);
/* The range, all of it mapped, gets new rights; its entries have them already. */
void batch_protect(struct batch *b, uint64_t va, uint64_t size, int prot);
/* Gives up one reference of each frame, once the platform shows them no more. */
void batch_put(struct batch *b, pfn_t pfn, uint64_t count);
/* Makes all of it so. The guest sees nothing else when it returns. */
void batch_end(struct batch *b);
/* Shows [start, end) again from the table: for faults that have no other reason. */
void shadow_refill(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);

/* ---- ranges: vma.c, place.c ---- */

/* The first vma that ends above `addr`, or NULL. */
struct vma *vma_find(struct mm *mm, uint64_t addr) HOLDS(mm->lock);
/* The one that `addr` lies in, or NULL. */
struct vma *vma_at(struct mm *mm, uint64_t addr) HOLDS(mm->lock);
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);
/* A vma that is in no tree yet, with the fields of `like` and references of its own. */
must_use int vma_clone(struct mm *mm, const struct vma *like, struct vma **out);
/* Puts it in, counts it, and joins it with its neighbours where Linux would. May free it: gives the
 * result. */
struct vma *vma_insert(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* Joins it with its neighbours where it is like them. */
struct vma *vma_merge(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* Takes it out; mm_leave() frees it. */
void vma_remove(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* Frees what is in no tree, later: at mm_leave(). */
void vma_drop(struct mm *mm, struct vma *v) HOLDS(mm->lock);
/* Frees now. No lock is held. */
void vma_free(struct mm *mm, struct vma *v);
/* Cuts a vma in two at `at`. Errors: ENOMEM. */
must_use int vma_split(struct mm *mm, struct vma *v, uint64_t at) HOLDS(mm->lock);
/* Cuts whatever lies across `start` and `end`. Errors: ENOMEM. */
must_use int vma_cut(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Moves an end, and keeps the counts. */
void vma_resize(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Changes rights and flags, and keeps the counts. */
void vma_change(struct mm *mm, struct vma *v, int prot, uint32_t flags) HOLDS(mm->lock);
/* The page of the mappable at an address. */
static inline uint64_t vma_index(const struct vma *v, uint64_t va)
{
    return v->pgoff + ((va - v->start) >> PAGE_SHIFT);
}
/* Where it begins for others: a stack with the guard below it. */
uint64_t vma_low(const struct vma *v);
/* Sorted, apart, counted, joined: for tests and assert_slow(). */
must_use bool vma_check(struct mm *mm) HOLDS(mm->lock);
/* The same after every call; after some of them where there are so many that it would take long. */
static inline must_use bool vma_check_often(struct mm *mm) HOLDS(mm->lock);
static inline bool vma_check_often(struct mm *mm)
{
    return (mm->nvmas > 200 && mm->gen % 256) || vma_check(mm);
}

/* Where `len` bytes fit: mmap(2)'s choice. Errors: ENOMEM. */
must_use int place_find(struct mm *mm, uint64_t hint, uint64_t len, bool low32, uint64_t *out)
    HOLDS(mm->lock);
/* [start, end) has become free. */
void place_freed(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);

/* ---- quotas: quota.c ---- */

/* May `pages` more be there, with these flags and rights? Errors: ENOMEM. */
must_use int quota_grow(struct mm *mm, uint64_t pages, int prot, uint32_t flags) HOLDS(mm->lock);
/* May `pages` more be writable and private? Errors: ENOMEM. */
must_use int quota_own(struct mm *mm, uint64_t pages, uint32_t flags) HOLDS(mm->lock);
/* May `pages` more be locked? */
bool quota_lock(struct mm *mm, uint64_t pages) HOLDS(mm->lock);

/* ---- changes: unmap.c, protect.c ---- */

/* Takes vmas and pages of a range away; cuts were made. */
void unmap_range(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Takes pages alone away. `cow_too`: those of the range's own as well. */
void zap_pages(struct mm *mm, uint64_t start, uint64_t end, bool cow_too, struct batch *b)
    HOLDS(mm->lock);
/* mm_unmap() after its checks. */
must_use int unmap_locked(struct mm *mm, uint64_t start, uint64_t len) HOLDS(mm->lock);
/* Makes the entries of a vma say what it allows now. */
void protect_pages(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);

/* ---- faults: fault.c, anon.c, cow.c, file.c ---- */

#define WANT_FORCE 0x100u /* beside PROT_*: whatever the rights, as ptrace(2) does */

/* Anonymous memory and private copies are made in chunks of so many pages at least. */
#define CHUNK_PAGES 16u
#define CHUNK_BYTES (CHUNK_PAGES * PAGE_SIZE)

/* Is an entry all that somebody wants who has PROT_* bits in `want`, and maybe WANT_FORCE? */
bool fault_satisfied(pte_t e, unsigned want);
/*
 * Makes the page of `va` usable. Drops the lock and takes it again where it has to ask
 * a mappable.
 */
enum fault_result fault_locked(struct mm *mm, uint64_t va, unsigned want) HOLDS(mm->lock);
/* Takes back what was mapped ahead and never touched. False: that was not worth it. */
bool reclaim_untouched(struct mm *mm) HOLDS(mm->lock);
/* Is RAM so short that nothing should be made ahead of a fault? */
bool fault_must_save(struct mm *mm);

/* The lock was dropped and the world has changed: look again. */
#define FAULT_AGAIN ((enum fault_result) - 1)

/* Makes the missing anonymous pages of [start, end). Errors: ENOMEM. */
must_use int anon_fill(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) HOLDS(mm->lock);
/*
 * The same for a private anonymous range that a guest has just got, where that is so
 * small that it costs less than the faults would. Nothing is lost where it fails.
 */
void anon_fill_ahead(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
enum fault_result anon_fault(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);
/* A page that is there, and must become the range's own to be written. */
enum fault_result cow_fault(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);
/*
 * Gives [start, start + count pages) of a private range copies of `pfn` and the pages behind it.
 *
 *   returns   how many there are now; fewer where memory, or the file, ends
 */
uint64_t cow_copy(struct mm *mm, struct vma *v, uint64_t start, pfn_t pfn, uint64_t count,
                  struct batch *b) HOLDS(mm->lock);
/* A page of a mappable, or a private copy of one, that is not there. May give FAULT_AGAIN. */
enum fault_result file_fault(struct mm *mm, struct vma *v, uint64_t va, unsigned want)
    HOLDS(mm->lock);
/* After mmap(): maps what of a file costs nothing. Drops the lock meanwhile. */
void file_map_ahead(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* mlock(2), MAP_POPULATE: faults all in. Errors: as Linux's __mm_populate; ENOMEM, EFAULT, EAGAIN.
 */
must_use int fault_all(struct mm *mm, uint64_t start, uint64_t end, unsigned want) HOLDS(mm->lock);
/* A stack's range grows down to `va`. False: it may not. */
bool stack_grow(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);

/* ---- copies: copy.c ---- */

/* As copy_zero(), up to the first fault. */
must_use ssize_t copy_zero_some(struct mm *mm, uptr_t to, size_t size);
/*
 * How many of `size` bytes from `va` on can be reached at once: their entries satisfy
 * `want`, and their pages lie in a row from `pfn` on. 0: the first page faults.
 */
uint64_t copy_run(struct mm *mm, uint64_t va, uint64_t size, unsigned want, pfn_t *pfn)
    HOLDS(mm->lock);

/* ---- shared anonymous memory: shared.c ---- */

must_use int shared_create(struct arena *a, uint64_t size, struct mappable **out);
