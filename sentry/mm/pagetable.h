/* SPDX-License-Identifier: Apache-2.0 */
/* The page table of an address space: what is where, and what may be done with it. */
#pragma once

#include "sentry/mm/mm_priv.h"

struct vma;
struct batch;

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
#define PTE_PATCHED   ((pte_t)1 << 53) /* not the mappable's page, but one like it: patch.h */
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
 * PTE_MAY_WRITE, PTE_PATCHED. */
pte_t pte_make(const struct vma *v, pfn_t pfn, pte_t bits);

must_use int pt_create(struct mm *mm);
/* All entries are clear. */
void pt_destroy(struct mm *mm) HOLDS(mm->lock);
/* The entry of a page, NULL where there is no table for it. */
pte_t *pt_find(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* The same, and makes tables. NULL: no frame is left. */
pte_t *pt_make(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* The same for who goes from page to page; `slot` is NULL, or what this gave for the page before.
 */
static inline must_use pte_t *pt_make_next(struct mm *mm, pte_t *slot, uint64_t va) HOLDS(mm->lock);
static inline pte_t *pt_make_next(struct mm *mm, pte_t *slot, uint64_t va)
{
    return slot && (va & (LEAF_SIZE - 1)) ? slot + 1 : pt_make(mm, va);
}
/*
 * A fork shares leaves, as it shares frames. A leaf is *frozen* while it may have been: all
 * its entries are PTE_ANON | PTE_COW, it holds their frames' references, and nobody writes
 * there but for who has made it his own before: pt_make() does, for one, and these.
 * Frozen leaves lie where one private anonymous range covers all that they do.
 */

/* Is the leaf of this entry frozen? */
bool pt_is_frozen(struct mm *mm, const pte_t *slot) HOLDS(mm->lock);
/* How many have the leaf of this entry. */
uint32_t pt_leaf_refs(struct mm *mm, const pte_t *slot) HOLDS(mm->lock);
/* Makes all leaves of [start, end) the mm's own. Errors: ENOMEM. */
must_use int pt_own(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* The same for those that are only in part in [start, end). */
must_use int pt_own_ends(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Freezes the leaf of `va`, whose entries are in use, in part. False: not all may be shared. */
must_use bool pt_freeze(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* Puts a frozen leaf of `mm` into a child that has nothing there. Errors: ENOMEM. */
must_use int pt_share(struct mm *to, struct mm *mm, uint64_t va) HOLDS(to->lock, mm->lock);
/* Takes a frozen leaf away; its reference goes with the batch. */
void pt_drop(struct mm *mm, uint64_t va, struct batch *b) HOLDS(mm->lock);
/* Gives up a reference to a leaf; the last one, those to its frames. */
void pt_leaf_put(struct arena *a, pfn_t leaf);

/* Changes an entry, not of a frozen leaf, and all that is counted of it. Entry and value may be
 * empty. */
void pt_set(struct mm *mm, uint64_t va, pte_t *slot, pte_t value) HOLDS(mm->lock);
/* The same for `count` empty entries of a leaf: `first`, and the pages that lie behind its page. */
void pt_set_run(struct mm *mm, pte_t *slot, pte_t first, uint64_t count) HOLDS(mm->lock);
/* Clears entries from that of `va` on, at most `most` of its leaf, that are in use, are alike, and
 * whose pages lie in a row. Gives how many. */
must_use uint64_t pt_clear_run(struct mm *mm, uint64_t va, pte_t *slot, uint64_t most)
    HOLDS(mm->lock);
/* The first address from `va` on with a table, or `end`. */
uint64_t pt_next(struct mm *mm, uint64_t va, uint64_t end) HOLDS(mm->lock);
/* Takes out tables without entries; their frames go with the batch. */
void pt_trim(struct mm *mm, uint64_t start, uint64_t end, struct batch *b) HOLDS(mm->lock);

/* The first entry from *va on that is in use, or NULL; *va goes there. */
pte_t *pt_step(struct mm *mm, uint64_t *va, uint64_t end) HOLDS(mm->lock);
/* The same, where `slot` is of the page before *va, or of one before that in its leaf. */
static inline pte_t *pt_step_from(struct mm *mm, pte_t *slot, uint64_t *va, uint64_t end)
    HOLDS(mm->lock);
static inline pte_t *pt_step_from(struct mm *mm, pte_t *slot, uint64_t *va, uint64_t end)
{
    uint64_t index = *va >> PAGE_SHIFT & (LEAF_SIZE / PAGE_SIZE - 1);

    if (index && *va < end) {
        slot = (pte_t *)((uintptr_t)slot & ~(uintptr_t)PAGE_MASK) + index;
        if (*slot)
            return slot;
    }
    return pt_step(mm, va, end);
}

/*
 * Goes over the entries of [start, end) that are in use. The body may change them, and
 * move `va` on within their leaf. Give it a `uint64_t va` and a `pte_t *slot`.
 */
#define pt_for_each(mm, va, slot, start, end)                                  \
    for ((va) = (start), (slot) = pt_step((mm), &(va), (end)); (slot) != NULL; \
         (va) += PAGE_SIZE, (slot) = pt_step_from((mm), (slot), &(va), (end)))
