/* SPDX-License-Identifier: Apache-2.0 */
/* A few ranges in no order, none of which overlap; each is a run of frames. */
#include "sentry/mm/gone.h"

#include <string.h>
#include <sys/mman.h>

#include "sentry/mm/late.h"
#include "sentry/mm/narrow.h"
#include "sentry/mm/pagetable.h"

static struct gone_range *at_place(struct mm *mm, uint64_t start, uint64_t end)
{
    for (uint32_t i = 0; i < mm->gone.count; i++) {
        struct gone_range *g = &mm->gone.ranges[i];
        if (g->va == start && g->va + g->pages * PAGE_SIZE == end)
            return g;
    }
    return NULL;
}

/* A page of a window, to be read: frames that nobody takes or gives. */
static bool is_of_file(struct mm *mm, pte_t e)
{
    const pte_t must = PTE_PRESENT | PTE_NO_EXEC;

    return (e & (must | PTE_WRITE | PTE_ANON)) == must && !frame_is_ram(mm->arena, pte_pfn(e));
}

/* One that can be written, and that nobody else has. */
static bool is_own(struct mm *mm, pte_t e)
{
    const pte_t must = PTE_ANON | PTE_WRITE | PTE_PRESENT | PTE_NO_EXEC;

    return (e & must) == must && frame_refs(mm->arena, pte_pfn(e)) == 1;
}

/* All pages of the range are a run, of either kind. */
static bool is_plain_run(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
static bool is_plain_run(struct mm *mm, uint64_t start, uint64_t end)
{
    const pte_t *slot = pt_find(mm, start), first = slot ? *slot : 0;
    uint64_t pages = (end - start) / PAGE_SIZE;

    if (!first || (start ^ (end - 1)) & ~(LEAF_SIZE - 1))
        return false;
    for (uint64_t i = 0; i < pages; i++) {
        if (slot[i] != first + (i << PAGE_SHIFT) ||
            !(is_own(mm, slot[i]) || is_of_file(mm, slot[i])))
            return false;
    }
    return true;
}

bool gone_put(struct mm *mm, uint64_t start, uint64_t end)
{
    const struct platform_ops *ops = platform_of(mm->arena)->ops;
    uint64_t pages = (end - start) / PAGE_SIZE;

    if (!narrow_may(mm) || pages > GONE_PAGES || mm->gone.count == GONE_RANGES)
        return false;
    if (late_overlaps(mm, start, end) || !is_plain_run(mm, start, end) ||
        !ops->aspace_narrow(mm->aspace, start, end - start, PROT_NONE))
        return false;
    pte_t *slot = pt_find(mm, start);
    mm->gone.ranges[mm->gone.count++] = (struct gone_range){ start, pages, pte_pfn(*slot) };
    for (uint64_t i = 0; i < pages; i++)
        pt_set(mm, start + i * PAGE_SIZE, &slot[i], 0);
    mm->gen++;
    return true;
}

bool gone_take(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
{
    struct gone_range *g = at_place(mm, start, end);

    if (!g || !frame_is_ram(mm->arena, g->pfn) || b->wait || v->mappable ||
        v->prot != (PROT_READ | PROT_WRITE))
        return false;
    pte_t *slot = pt_make(mm, start);
    if (!slot)
        return false;
    frames_zero(mm->arena, g->pfn, g->pages);
    pt_set_run(mm, slot, pte_make(v, g->pfn, PTE_ANON), g->pages);
    *g = mm->gone.ranges[--mm->gone.count];
    batch_protect(b, start, end - start, v->prot);
    return true;
}

void gone_flush(struct mm *mm, struct batch *b)
{
    uint32_t n = mm->gone.count;

    memmove(b->ops + n, b->ops, b->nops * sizeof b->ops[0]);
    for (uint32_t i = 0; i < n; i++) {
        const struct gone_range *g = &mm->gone.ranges[i];
        b->ops[i] = (struct mem_op){ .kind = MEM_UNMAP, .va = g->va, .size = g->pages * PAGE_SIZE };
        b->gone[b->ngone++] = *g;
    }
    b->nops += n;
    mm->gone.count = 0;
}

void gone_drop(struct mm *mm)
{
    for (uint32_t i = 0; i < mm->gone.count; i++)
        frame_put(mm->arena, mm->gone.ranges[i].pfn, mm->gone.ranges[i].pages);
    mm->gone.count = 0;
}
