/* SPDX-License-Identifier: Apache-2.0 */
/*
 * madvise(2).
 *
 *   source    madvise(2); mm/madvise.c of Linux 6.6, for which ranges refuse what
 */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* What an advice does to the flags of a range. False: it does nothing to them. */
static bool flag_advice(int advice, uint32_t *set, uint32_t *clear)
{
    *set = *clear = 0;
    switch (advice) {
    case MADV_NORMAL:
        *clear = VMA_RANDOM | VMA_SEQUENTIAL;
        return true;
    case MADV_RANDOM:
        *set = VMA_RANDOM;
        *clear = VMA_SEQUENTIAL;
        return true;
    case MADV_SEQUENTIAL:
        *set = VMA_SEQUENTIAL;
        *clear = VMA_RANDOM;
        return true;
    case MADV_DONTFORK:
        *set = VMA_DONT_FORK;
        return true;
    case MADV_DOFORK:
        *clear = VMA_DONT_FORK;
        return true;
    case MADV_WIPEONFORK:
        *set = VMA_WIPE_ON_FORK;
        return true;
    case MADV_KEEPONFORK:
        *clear = VMA_WIPE_ON_FORK;
        return true;
    case MADV_DONTDUMP:
        *set = VMA_DONT_DUMP;
        return true;
    case MADV_DODUMP:
        *clear = VMA_DONT_DUMP;
        return true;
    case MADV_HUGEPAGE:
        *set = VMA_HUGE;
        *clear = VMA_NO_HUGE;
        return true;
    case MADV_NOHUGEPAGE:
        *set = VMA_NO_HUGE;
        *clear = VMA_HUGE;
        return true;
    }
    return false;
}

static bool is_known(int advice)
{
    uint32_t set, clear;

    if (flag_advice(advice, &set, &clear))
        return true;
    switch (advice) {
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        return true;
    }
    return false; /* MADV_MERGEABLE and the rest: as a kernel built without KSM, THP collapse, … */
}

static int change_flags(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
    HOLDS(mm->lock);
static int change_flags(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
{
    uint32_t set, clear;

    flag_advice(advice, &set, &clear);
    if (advice == MADV_WIPEONFORK && (v->mappable || (v->flags & VMA_SHARED)))
        return -EINVAL;
    uint32_t flags = (v->flags & ~clear) | set;
    if (flags == v->flags)
        return 0;
    /* mm/madvise.c: "madvise() returns EAGAIN if kernel resources are temporarily unavailable" */
    if (mm->nvmas + 2 > VMAS_MAX || vma_cut(mm, start, end))
        return -EAGAIN;
    v = vma_at(mm, start);
    vma_change(mm, v, v->prot, flags);
    vma_merge(mm, v);
    return 0;
}

static int drop_pages(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end, int advice)
    HOLDS(mm->lock);
static int drop_pages(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end, int advice)
{
    struct batch b;

    if ((v->flags & VMA_LOCKED) && advice == MADV_DONTNEED)
        return -EINVAL;
    if (advice == MADV_FREE && v->mappable)
        return -EINVAL;
    if (v->flags & VMA_SPECIAL)
        return -EINVAL;
    if (pt_own_ends(mm, start, end))
        return -ENOMEM;
    batch_begin(&b, mm);
    unmap_pages(mm, start, end, true, &b);
    pt_trim(mm, start, end, &b);
    batch_end(&b);
    return 0;
}

/* The lock is dropped meanwhile. */
static int remove_pages(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) HOLDS(mm->lock);
static int remove_pages(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
    struct mappable *m = v->mappable;
    uint64_t from = vma_index(v, start) * PAGE_SIZE;

    if (v->flags & VMA_LOCKED)
        return -EINVAL;
    if (!m)
        return -EINVAL;
    if (!(v->flags & VMA_SHARED) || !(v->prot & PROT_WRITE))
        return -EACCES;
    if (!m->ops->punch)
        return -EOPNOTSUPP;
    m->ops->get(m);
    mm_leave(mm);
    int err = m->ops->punch(m, from, from + (end - start));
    m->ops->put(m);
    mm_enter(mm);
    return err;
}

static int populate(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end, int advice)
    HOLDS(mm->lock);
static int populate(struct mm *mm, const struct vma *v, uint64_t start, uint64_t end, int advice)
{
    unsigned want = advice == MADV_POPULATE_WRITE ? PROT_WRITE : PROT_READ;

    if (want == PROT_WRITE ? !(v->prot & PROT_WRITE) : !v->prot)
        return -EINVAL;
    return fault_all(mm, start, end, want);
}

/* One range's part. The range may be another one afterwards, or gone. */
static int advise_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
    HOLDS(mm->lock);
static int advise_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
        return drop_pages(mm, v, start, end, advice);
    case MADV_REMOVE:
        return remove_pages(mm, v, start, end);
    case MADV_WILLNEED:
        if (v->mappable)
            filemap_ahead(mm, start, end, BATCH_NOW);
        return 0;
    case MADV_COLD:
    case MADV_PAGEOUT: /* there is no swap: what is asked for cannot be done, and that is fine */
        return v->flags & (VMA_LOCKED | VMA_SPECIAL) ? -EINVAL : 0;
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        return populate(mm, v, start, end, advice);
    default:
        return change_flags(mm, v, start, end, advice);
    }
}

static int advise_locked(struct mm *mm, uint64_t start, uint64_t end, int advice) HOLDS(mm->lock);
static int advise_locked(struct mm *mm, uint64_t start, uint64_t end, int advice)
{
    bool stops = advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
    int hole = 0; /* ENOMEM once there was one: the rest is done nevertheless */

    while (start < end) {
        struct vma *v = vma_find(mm, start);
        if (!v || v->start >= end)
            return -ENOMEM;
        if (v->start > start) {
            if (stops)
                return -ENOMEM;
            hole = -ENOMEM;
            start = v->start;
        }
        uint64_t stop = min(end, v->end);
        int err = advise_part(mm, v, start, stop, advice);
        if (err)
            return err;
        start = stop;
    }
    return hole;
}

int mm_advise(struct mm *mm, uptr_t at, uint64_t len, int advice)
{
    uint64_t pages = page_up(len);

    if (!is_known(advice) || (at.va & PAGE_MASK))
        return -EINVAL;
    if ((len && !pages) || at.va + pages < at.va)
        return -EINVAL;
    if (pages == 0)
        return 0;
    mm_enter(mm);
    patch_yield(mm, at.va, pages);
    int err = advise_locked(mm, at.va, at.va + pages, advice);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}
