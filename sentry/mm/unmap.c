/* SPDX-License-Identifier: Apache-2.0 */
/* munmap(2), and how pages are taken away from a guest. */
#include "sentry/mm/unmap.h"

#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/gone.h"
#include "sentry/mm/late.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define LINUX_TASK_SIZE (((uint64_t)1 << 47) - PAGE_SIZE) /* TASK_SIZE_MAX with four levels */

/* Nothing of it has the platform been told of: it need not be told of the end either. */
static bool is_unseen(struct mm *mm, uint64_t start, uint64_t end, const struct batch *b)
    HOLDS(mm->lock);
static bool is_unseen(struct mm *mm, uint64_t start, uint64_t end, const struct batch *b)
{
    uint64_t va;
    pte_t *slot;

    if (mm->late.count == 0 || b->nops > 0)
        return false;
    pt_for_each (mm, va, slot, start, end) {
        if (!late_has(mm, va))
            return false;
    }
    late_untouched(mm, start);
    late_cut(mm, start, end);
    return true;
}

/* Takes all pages away: one operation for the platform, for holes in between do no harm. */
static void zap_all(struct mm *mm, uint64_t start, uint64_t end, struct batch *b) HOLDS(mm->lock);
static void zap_all(struct mm *mm, uint64_t start, uint64_t end, struct batch *b)
{
    uint64_t va = start;
    pte_t *slot = pt_step(mm, &va, end);

    if (!slot)
        return;
    if (!is_unseen(mm, va, end, b))
        batch_unmap(b, va, end - va);
    pt_for_each (mm, va, slot, va, end) {
        if (pt_is_frozen(mm, slot)) {
            pt_drop(mm, va, b);
            va = (va & ~(LEAF_SIZE - 1)) + LEAF_SIZE - PAGE_SIZE;
            continue;
        }
        uint64_t leaf_end = (va & ~(LEAF_SIZE - 1)) + LEAF_SIZE;
        pfn_t pfn = pte_pfn(*slot);
        uint64_t n = pt_clear_run(mm, va, slot, (min(leaf_end, end) - va) / PAGE_SIZE);
        batch_put(b, pfn, n);
        va += (n - 1) * PAGE_SIZE;
    }
}

void unmap_pages(struct mm *mm, uint64_t start, uint64_t end, bool cow_too, struct batch *b)

{
    uint64_t va;
    pte_t *slot;

    mm->gen++;
    if (cow_too) {
        zap_all(mm, start, end, b);
        return;
    }
    pt_for_each (mm, va, slot, start, end) {
        if (*slot & PTE_ANON)
            continue;
        pfn_t pfn = pte_pfn(*slot);
        pt_set(mm, va, slot, 0);
        batch_unmap(b, va, PAGE_SIZE);
        batch_put(b, pfn, 1);
    }
}

static void unmap_all(struct mm *mm, uint64_t start, uint64_t end, struct batch *b) HOLDS(mm->lock);
static void unmap_all(struct mm *mm, uint64_t start, uint64_t end, struct batch *b)
{
    struct vma *v;

    unmap_pages(mm, start, end, true, b);
    pt_trim(mm, start, end, b);
    while ((v = vma_find(mm, start)) && v->start < end)
        vma_remove(mm, v);
    place_freed(mm, start, end);
}

void unmap_range(struct mm *mm, uint64_t start, uint64_t end)
{
    struct batch b;

    batch_begin(&b, mm);
    unmap_all(mm, start, end, &b);
    batch_end(&b);
}

int unmap_in_batch(struct mm *mm, uint64_t start, uint64_t len, struct batch *b)
{
    uint64_t end = start + len;

    patch_yield(mm, start, len);
    struct vma *v = vma_find(mm, start);
    if (!v || v->start >= end)
        return 0;
    /* mm/vma.c: only a cut out of the middle makes one more. */
    if (v->start < start && v->end > end && mm->nvmas >= VMAS_MAX)
        return -ENOMEM;
    int err = pt_own_ends(mm, start, end);
    if (!err)
        err = vma_cut(mm, start, end);
    if (err)
        return err;
    unmap_all(mm, start, end, b);
    return 0;
}

int unmap_locked(struct mm *mm, uint64_t start, uint64_t len)
{
    struct batch b;

    batch_begin(&b, mm);
    int err = unmap_in_batch(mm, start, len, &b);
    batch_end(&b);
    return err;
}

/* The same, in an order in which the platform need not be told at once: pages, then ranges. */
static int unmap_cheaply(struct mm *mm, uint64_t start, uint64_t len) HOLDS(mm->lock);
static int unmap_cheaply(struct mm *mm, uint64_t start, uint64_t len)
{
    const struct vma *v = vma_at(mm, start);
    uint64_t end = start + len;

    if (v && v->end >= end && !(v->flags & (VMA_LOCKED | VMA_SPECIAL)) && mm->nvmas < VMAS_MAX) {
        int err = vma_cut(mm, start, end);
        if (err)
            return err;
        (void)!gone_put(mm, start, end); /* true: nothing is left to be told */
    }
    return unmap_locked(mm, start, len);
}

/* The first range that an attach at `at` has left: its pages are where they would be then. */
static struct vma *left_of(struct mm *mm, uint64_t at, const struct mappable_ops *kind)
    HOLDS(mm->lock);
static struct vma *left_of(struct mm *mm, uint64_t at, const struct mappable_ops *kind)
{
    for (struct vma *v = vma_find(mm, at); v; v = vma_next(v))
        if (v->mappable && v->mappable->ops == kind && v->start >= at &&
            (v->start - at) / PAGE_SIZE == v->pgoff)
            return v;
    return NULL;
}

/* shmdt(2): all of it may have been cut, and parts be gone, or others be in between. */
static int unmap_kind(struct mm *mm, uint64_t at, const struct mappable_ops *kind) HOLDS(mm->lock);
static int unmap_kind(struct mm *mm, uint64_t at, const struct mappable_ops *kind)
{
    struct vma *v = left_of(mm, at, kind), *next;
    struct mappable *m = v ? v->mappable : NULL;

    if (!m)
        return -EINVAL;
    uint64_t end = at + page_up(kind->size(m));
    for (; v && v->start < end; v = next) {
        next = vma_next(v);
        if (v->mappable != m || (v->start - at) / PAGE_SIZE != v->pgoff)
            continue;
        int err = unmap_locked(mm, v->start, v->end - v->start);
        assert(!err); /* whole ranges */
    }
    return 0;
}

int mm_unmap_kind(struct mm *mm, uptr_t at, const struct mappable_ops *kind, struct pid *by)
{
    if (at.va & PAGE_MASK)
        return -EINVAL;
    mm_enter(mm);
    struct pid *process = mm->process;
    mm->process = by; /* another one, where processes share their memory */
    int err = unmap_kind(mm, at.va, kind);
    mm->process = process;
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}

int mm_unmap(struct mm *mm, uptr_t at, uint64_t len)
{
    uint64_t size = mm_task_size(mm);

    if ((at.va & PAGE_MASK) || at.va > LINUX_TASK_SIZE || len > LINUX_TASK_SIZE - at.va)
        return -EINVAL;
    len = page_up(len);
    if (len == 0)
        return -EINVAL;
    /* A program may mean all that there is: of what a platform keeps, nothing is its own. */
    if (at.va >= size)
        return 0;
    len = min(len, size - at.va);
    mm_enter(mm);
    int err = unmap_cheaply(mm, at.va, len);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}
