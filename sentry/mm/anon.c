/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private anonymous pages: made in chunks, since a fault costs as much as many pages.
 * A guest that walks through memory gets more each time, up to LEAF_SIZE.
 */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/gone.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define LEAF_PAGES (LEAF_SIZE / PAGE_SIZE)
#define AHEAD_MAX  ((uint64_t)256 << 10) /* a new range up to here is made at once */
#define GROWTH     4                     /* by which each fault of a sequence makes more */

/* A run of missing entries, all in one leaf: frames for as many of them as there are in a row. */
static int fill_run(struct mm *mm, struct vma *v, uint64_t va, pte_t *slot, uint64_t count,
                    struct batch *b, uint64_t *done) HOLDS(mm->lock);
static int fill_run(struct mm *mm, struct vma *v, uint64_t va, pte_t *slot, uint64_t count,
                    struct batch *b, uint64_t *done)
{
    bool follows = (va & (LEAF_SIZE - 1)) && (slot[-1] & PTE_ANON);
    pfn_t near = follows ? pte_pfn(slot[-1]) + 1 : PFN_NONE, pfn;

    int err = frame_alloc_near(mm->arena, near, true, &count, &pfn);
    if (err)
        return err;
    pt_set_run(mm, slot, pte_make(v, pfn, PTE_ANON), count);
    b->populate = frames_are_there(mm->arena, pfn, count);
    batch_map(b, va, *slot, count);
    b->populate = false;
    *done = count;
    return 0;
}

/* The missing pages of a part of one leaf. */
static int fill_leaf(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
static int fill_leaf(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
{
    pte_t *slot = pt_make(mm, start);
    uint64_t left = (end - start) / PAGE_SIZE, n;

    if (!slot)
        return -ENOMEM;
    for (uint64_t va = start; left > 0; va += n * PAGE_SIZE, slot += n, left -= n) {
        for (n = 0; n < left && !slot[n]; n++)
            ;
        if (n == 0) {
            n = 1;
            continue;
        }
        int err = fill_run(mm, v, va, slot, n, b, &n);
        if (err)
            return err;
    }
    return 0;
}

static int fill(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
static int fill(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
{
    int err = 0;

    while (!err && start < end) {
        uint64_t stop = min((start & ~(LEAF_SIZE - 1)) + LEAF_SIZE, end);
        err = fill_leaf(mm, v, start, stop, b);
        start = stop;
    }
    return err;
}

int anon_fill(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
    struct batch b;

    batch_begin(&b, mm);
    int err = fill(mm, v, start, end, &b);
    batch_end(&b);
    return err;
}

void anon_fill_ahead(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
{
    if (v->mappable || v->prot == PROT_NONE || end - start > AHEAD_MAX || fault_must_save(mm))
        return;
    if (gone_take(mm, v, start, end, b))
        return;
    int err = fill(mm, v, start, end, b);
    (void)err; /* the fault will say so */
}

enum fault_result anon_fault(struct mm *mm, struct vma *v, uint64_t va)
{
    bool goes_on = va == v->fault_next && v->fault_pages;
    uint64_t pages = goes_on ? min((uint64_t)v->fault_pages * GROWTH, LEAF_PAGES) : CHUNK_PAGES;
    uint64_t leaf = va & ~(LEAF_SIZE - 1);
    uint64_t start = goes_on ? va : va & ~(uint64_t)(CHUNK_BYTES - 1);

    if (fault_must_save(mm)) {
        start = va;
        pages = 1;
    }
    uint64_t end = min(min(start + pages * PAGE_SIZE, leaf + LEAF_SIZE), v->end);
    start = max(start, v->start);
    v->had_pages = true;
    v->fault_next = end;
    v->fault_pages = (uint32_t)pages;
    int err = anon_fill(mm, v, start, end);
    const pte_t *slot = pt_find(mm, va);
    return err && !(slot && *slot) ? FAULT_OOM : FAULT_DONE;
}
