/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges that grow down: MAP_GROWSDOWN, and the main thread's stack. */
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/vma.h"

/* More than the page that is wanted: a fault is dear, and who goes down goes on. */
#define STACK_STEP ((uint64_t)16 * PAGE_SIZE)

static bool may_grow(struct mm *mm, struct vma *v, uint64_t to) HOLDS(mm->lock);
static bool may_grow(struct mm *mm, struct vma *v, uint64_t to)
{
    uint64_t limit = limit_soft(mm->limits, RLIMIT_STACK), pages = (v->start - to) / PAGE_SIZE;
    const struct vma *prev = vma_prev(v);

    if (to < MMAP_MIN_ADDR)
        return false;
    /* mm/mmap.c, expand_downwards(): only what can be touched needs the gap */
    if (prev) {
        bool gap = !(prev->flags & VMA_GROWS_DOWN) && prev->prot;
        if (prev->end > to || (gap && to - prev->end < STACK_GUARD))
            return false;
    }
    if (limit != LIMIT_INFINITY && v->end - to > limit)
        return false;
    if ((v->flags & VMA_LOCKED) && !quota_lock(mm, pages))
        return false;
    return quota_grow(mm, pages, v->prot, v->flags) == 0;
}

bool stack_grow(struct mm *mm, struct vma *v, uint64_t va)
{
    uint64_t step = va & ~(STACK_STEP - 1);

    if (step < va && may_grow(mm, v, step))
        va = step;
    else if (!may_grow(mm, v, va))
        return false;
    vma_resize(mm, v, va, v->end);
    return true;
}
