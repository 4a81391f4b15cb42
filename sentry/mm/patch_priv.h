/* SPDX-License-Identifier: Apache-2.0 */
/* What the files patch*.c share. */
#pragma once

#include "include/patch.h"
#include "sentry/mm/patch.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define LEAF_SLOTS 32u
#define LEAVES     (PATCH_SLOTS_MAX / LEAF_SLOTS)
#define TRAPS      64u   /* call sites that are counted at a time */
#define TRAPS_MANY 16u   /* traps after which a site is replaced */
#define HEATS      1024u /* sites of files whose traps are counted over all programs */
#define PAGES_MAX  256u  /* copies that are kept: 1 MiB */
#define PAGE_SITES 16u   /* sites of one page */

/* [a] atomic   [l] the mm's lock */

/* One site. Read without a lock by those who stop in its trampoline. patch_slot.c */
struct patch_slot {
    _Atomic uint64_t va;    /* [a] where the site begins; 0: never used */
    _Atomic bool live;      /* [a] the page there leads out of it */
    uint64_t text;          /* [l] which page of a file that is: a hash */
    struct patch_site site; /* does not change while `va` is set */
};

/* What one address space has of patches. */
struct patches {
    _Atomic uint32_t owner;                    /* a user id, or PATCH_ALONE */
    _Atomic bool off;                          /* for good: there are no sites any more */
    _Atomic bool lost;                         /* the region is the guest's */
    _Atomic uint64_t gone;                     /* [a] how often sites ceased to be live */
    struct patch_slot *_Atomic leaves[LEAVES]; /* [l] to change; slots in order, made on demand */
    struct {
        _Atomic uint64_t rip;
        _Atomic uint32_t count;
    } traps[TRAPS]; /* [a] a hash; a collision loses counts, no more */
    struct {
        uint64_t rip, sp, gen;
    } strike; /* [l] the last thread that was found in the middle of a site that is none any more */
};

static inline const struct patch_ops *patch_ops_of(const struct mm *mm)
{
    return platform_of(mm->arena)->ops->patch;
}

/* Is patching possible in this address space, now? */
static inline bool patch_is_on(const struct mm *mm)
{
    return mm->patches && !atomic_load_explicit(&mm->patches->off, memory_order_relaxed) &&
           patch_ops_of(mm);
}

/* Can there be threads in trampolines? When it is off those are still to find their way out. */
static inline bool patch_has_region(const struct mm *mm)
{
    return mm->patches && !atomic_load_explicit(&mm->patches->lost, memory_order_relaxed) &&
           patch_ops_of(mm);
}

/* ---- slots: patch_slot.c ---- */

/* Slot `n`, or NULL where it was never used. */
static inline struct patch_slot *patch_slot(const struct patches *p, unsigned n)
{
    struct patch_slot *leaf =
        atomic_load_explicit(&p->leaves[n / LEAF_SLOTS], memory_order_acquire);

    return leaf ? &leaf[n % LEAF_SLOTS] : NULL;
}
/* The first slot from *n on that was ever used, or NULL; *n goes there. */
struct patch_slot *patch_slot_next(struct mm *mm, unsigned *n) HOLDS(mm->lock);
/* The first live slot whose site has bytes in [va, va + size), or -1. */
int patch_slot_in(struct mm *mm, uint64_t va, uint64_t size) HOLDS(mm->lock);
/* Was there ever a site whose bytes held `va`, as far as is known? */
bool patch_slot_was_at(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* The slot that this site has left, or -1. */
int patch_slot_find(struct mm *mm, uint64_t va, const struct patch_site *site) HOLDS(mm->lock);
/* May slot `n` be taken for a site at `va`? */
bool patch_slot_is_free(struct mm *mm, unsigned n, uint64_t va, const struct patch_site *site)
    HOLDS(mm->lock);
/* Takes a slot that is free, for a site that is mapped; it is not live yet. Errors: ENOMEM. */
must_use int patch_slot_take(struct mm *mm, unsigned n, uint64_t va, const struct patch_site *site)
    HOLDS(mm->lock);
/* A child's slots. Errors: ENOMEM. */
must_use int patch_slots_fork(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);

/* ---- the region: patch_region.c ---- */

/* Makes it where it is not there yet. False: something else is, or memory has ended. */
must_use bool patch_region_make(struct mm *mm) HOLDS(mm->lock);
/* Gives all sites their code back, for good. */
void patch_region_leave(struct mm *mm) HOLDS(mm->lock);
/* The same, and takes it away. */
void patch_region_drop(struct mm *mm) HOLDS(mm->lock);
/* Writes a slot's trampoline. Errors: ENOMEM. */
must_use int patch_region_write(struct mm *mm, unsigned n, struct batch *b) HOLDS(mm->lock);

/* ---- pages: patch_page.c ---- */

/* A page's key: whose, and of which file. */
struct patch_key {
    uint32_t owner;
    uint64_t dev, ino, index;
};
struct patch_key patch_key_of(uint32_t owner, const struct vma *v, uint64_t va);

struct patch_page_site {
    uint16_t off, slot; /* in the page; its number, in most address spaces */
    struct patch_site site;
};

/* A page with replaced sites, or what is known of one. */
struct patch_page {
    struct rb_node node;
    struct list lru; /* the youngest last */
    struct patch_key key;
    pfn_t pfn; /* a reference */
    uint32_t count;
    struct patch_page_site sites[PAGE_SITES]; /* by `off` */
};

/* It is in the table from now on, with a slot for each of its sites: these are live. */
void patch_page_shown(struct mm *mm, const struct patch_page *page) HOLDS(mm->lock);

/* All of one sandbox. */
struct patch_state {
    struct mutex lock;    /* RANK_PATCH */
    struct rb_root pages; /* [l] by key */
    struct list lru;      /* [l] */
    uint32_t count;       /* [l] */
    uint32_t next_slot;   /* [l] where the search for a free slot begins */
    _Atomic uint64_t sites, shared, traps, mended;
    struct {
        _Atomic uint64_t key;
        _Atomic uint32_t heat;
    } heats[HEATS]; /* [a] a hash; a collision starts anew */
};

static inline struct patch_state *patch_state(struct arena *a)
{
    return arena_root(a, ROOT_PATCHES);
}

/* Remembers a page for others: `page` is copied, its frame gets a reference. */
void patch_page_remember(struct arena *a, const struct patch_page *page);
/* The first page known from `key` on, before `end` of its file; its frame is given. */
must_use bool patch_page_next(struct arena *a, const struct patch_key *key, uint64_t end,
                              struct patch_page *out);

/* Counts `traps` more of the call that ends at `rip`, over all programs that map the file. */
uint32_t patch_heat(struct mm *mm, uint64_t rip, uint32_t traps) HOLDS(mm->lock);

/* ---- what the rest of mm calls ---- */

/* Of a new mm. Errors: ENOMEM. */
must_use int patch_init(struct mm *mm);
/* A child's, which has the parent's memory. Errors: ENOMEM. */
must_use int patch_fork(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);
void patch_exit(struct mm *mm);
/* [va, va + count pages) of `v` have just come into the table: patches what is known of them. */
void patch_ahead(struct mm *mm, struct vma *v, uint64_t va, uint64_t count, struct batch *b)
    HOLDS(mm->lock);
/* Gives [start, end) its original pages back: they come by faults. */
void patch_restore(struct mm *mm, uint64_t start, uint64_t end, struct batch *b) HOLDS(mm->lock);
/* The page at `va` with its sites is in the table no more: pt_set() has seen it go. */
void patch_page_gone(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* The guest names [start, start + len): if that is the region, it is to find nothing there. */
void patch_yield(struct mm *mm, uint64_t start, uint64_t len) HOLDS(mm->lock);
/* Replaces the site of a call that ended at `rip`. False: not to be tried again. */
must_use bool patch_make(struct mm *mm, uint64_t rip, uint64_t rax) HOLDS(mm->lock);
