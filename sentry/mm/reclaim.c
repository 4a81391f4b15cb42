/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that were handed out ahead of faults and never touched: taken back before a
 * guest is told that memory has ended.
 *
 * The host knows which pages of RAM exist. A page is hidden from the guest before the
 * host is asked the second time, so that nothing is written between the question and
 * the end of the page.
 */
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define WORTHWHILE 128u /* this part of RAM: to get less only puts the end off, at some cost */

/* Pages in a row, by address and by frame, that are one range's own. */
struct run {
    uint64_t va;
    pfn_t pfn;
    uint64_t count;
};

static bool is_own(struct mm *mm, pte_t e)
{
    return (e & PTE_ANON) && !(e & PTE_COW) && (e & PTE_PRESENT) &&
           frame_refs(mm->arena, pte_pfn(e)) == 1;
}

/* Takes the pages of a part of a run that the host does not have out of the table. */
static uint64_t drop_holes(struct mm *mm, const struct run *r, struct batch *b) HOLDS(mm->lock);
static uint64_t drop_holes(struct mm *mm, const struct run *r, struct batch *b)
{
    pfn_t at = r->pfn, end = r->pfn + r->count;
    uint64_t dropped = 0;

    while (at < end) {
        pfn_t hole = ram_find(mm->arena, at, end, false);
        pfn_t data = ram_find(mm->arena, hole, end, true);
        uint64_t va = r->va + (at - r->pfn) * PAGE_SIZE;
        for (; at < hole; at++, va += PAGE_SIZE)
            batch_map(b, va, *pt_find(mm, va), 1);
        for (; at < data; at++, va += PAGE_SIZE)
            pt_set(mm, va, pt_find(mm, va), 0);
        frame_put_untouched(mm->arena, hole, data - hole);
        dropped += data - hole;
    }
    return dropped;
}

static uint64_t reclaim_run(struct mm *mm, const struct run *r) HOLDS(mm->lock);
static uint64_t reclaim_run(struct mm *mm, const struct run *r)
{
    struct batch b;

    if (ram_find(mm->arena, r->pfn, r->pfn + r->count, false) == r->pfn + r->count)
        return 0;
    batch_begin(&b, mm);
    batch_unmap(&b, r->va, r->count * PAGE_SIZE);
    batch_end(&b);
    uint64_t dropped = drop_holes(mm, r, &b);
    batch_end(&b);
    return dropped;
}

bool reclaim_untouched(struct mm *mm)
{
    struct run r = { 0 };
    uint64_t va, dropped = 0;
    pte_t *slot;

    shadow_catch_up(mm);
    pt_for_each (mm, va, slot, 0, mm_task_size(mm)) {
        const struct vma *v = vma_at(mm, va);
        if (!is_own(mm, *slot) || !v || (v->flags & (VMA_LOCKED | VMA_SPECIAL)))
            continue;
        if (r.count && r.va + r.count * PAGE_SIZE == va && r.pfn + r.count == pte_pfn(*slot)) {
            r.count++;
            continue;
        }
        if (r.count)
            dropped += reclaim_run(mm, &r);
        r = (struct run){ va, pte_pfn(*slot), 1 };
    }
    if (r.count)
        dropped += reclaim_run(mm, &r);
    return dropped * PAGE_SIZE >= ram_total(mm->arena) / WORTHWHILE;
}
