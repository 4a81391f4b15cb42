/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mlock(2) and its family: nothing is ever swapped out, so what is left of a lock is
 * that pages are there, and that the limit counts.
 *
 *   source    mlock(2); mm/mlock.c of Linux 6.6
 */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/vma.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#define LOCK_FLAGS ((uint32_t)(VMA_LOCKED | VMA_LOCK_ON_FAULT))

static bool can_lock(struct mm *mm)
{
    return atomic_load_explicit(&mm->may_lock, memory_order_relaxed) ||
           limit_soft(mm->limits, RLIMIT_MEMLOCK) > 0;
}

void mm_set_may_lock(struct mm *mm, bool may)
{
    atomic_store_explicit(&mm->may_lock, may, memory_order_relaxed);
}

static uint64_t count_locked(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
static uint64_t count_locked(struct mm *mm, uint64_t start, uint64_t end)
{
    uint64_t pages = 0;

    for (const struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(v)) {
        if (v->flags & VMA_LOCKED)
            pages += (min(v->end, end) - max(v->start, start)) / PAGE_SIZE;
    }
    return pages;
}

static int mark_locked(struct mm *mm, uint64_t start, uint64_t end, uint32_t flags) HOLDS(mm->lock);
static int mark_locked(struct mm *mm, uint64_t start, uint64_t end, uint32_t flags)
{
    while (start < end) {
        struct vma *v = vma_at(mm, start);
        if (!v)
            return -ENOMEM;
        uint64_t stop = min(end, v->end);
        uint32_t now = (v->flags & ~LOCK_FLAGS) | flags;
        if (now != v->flags && !(v->flags & VMA_SPECIAL)) {
            if (mm->nvmas + 2 > VMAS_MAX || vma_cut(mm, start, stop))
                return -ENOMEM;
            v = vma_at(mm, start);
            vma_change(mm, v, v->prot, now);
            vma_merge(mm, v);
        }
        start = stop;
    }
    return 0;
}

/* mm/gup.c, __mm_populate(), with the errnos of __mlock_posix_error_return(). */
static int fill_locked(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
static int fill_locked(struct mm *mm, uint64_t start, uint64_t end)
{
    switch (fault_all(mm, start, end, 0)) {
    case 0:
        return 0;
    case -EFAULT:
        return -ENOMEM;
    default:
        return -EAGAIN;
    }
}

static int lock_locked(struct mm *mm, uint64_t start, uint64_t end, int flags) HOLDS(mm->lock);
static int lock_locked(struct mm *mm, uint64_t start, uint64_t end, int flags)
{
    bool later = flags & MLOCK_ONFAULT;

    if (!quota_lock(mm, (end - start) / PAGE_SIZE - count_locked(mm, start, end)))
        return -ENOMEM;
    int err = mark_locked(mm, start, end, VMA_LOCKED | (later ? VMA_LOCK_ON_FAULT : 0));
    return err || later ? err : fill_locked(mm, start, end);
}

/* The pages that the bytes touch. Errors: EINVAL where they wrap. */
static int range_of(uptr_t at, uint64_t len, uint64_t *start, uint64_t *end)
{
    *start = page_down(at.va);
    *end = *start + page_up(len + (at.va & PAGE_MASK));
    return *end < *start ? -EINVAL : 0;
}

int mm_lock(struct mm *mm, uptr_t at, uint64_t len, int flags)
{
    uint64_t start, end;

    if (flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    mm_enter(mm);
    int err = can_lock(mm) ? range_of(at, len, &start, &end) : -EPERM;
    if (!err && start < end)
        err = lock_locked(mm, start, end, flags);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}

int mm_unlock(struct mm *mm, uptr_t at, uint64_t len)
{
    uint64_t start, end;

    int err = range_of(at, len, &start, &end);
    if (err)
        return err;
    mm_enter(mm);
    err = mark_locked(mm, start, end, 0);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}

static void mark_all(struct mm *mm, uint32_t flags) HOLDS(mm->lock);
static void mark_all(struct mm *mm, uint32_t flags)
{
    for (struct vma *v = vma_find(mm, 0); v;) {
        uint64_t end = v->end;
        int err = mark_locked(mm, v->start, end, flags);
        assert(!err); /* whole ranges need no cut */
        v = vma_find(mm, end);
    }
}

static int lock_all_locked(struct mm *mm, int flags) HOLDS(mm->lock);
static int lock_all_locked(struct mm *mm, int flags)
{
    uint32_t now = VMA_LOCKED | (flags & MCL_ONFAULT ? VMA_LOCK_ON_FAULT : 0);

    if (!can_lock(mm))
        return -EPERM;
    if ((flags & MCL_CURRENT) && !quota_lock(mm, mm->total - mm->locked))
        return -ENOMEM;
    mm->future = flags & MCL_FUTURE ? now : 0;
    if (!(flags & MCL_CURRENT))
        return 0;
    mark_all(mm, now);
    for (struct vma *v = vma_find(mm, 0); v && !(flags & MCL_ONFAULT);) {
        uint64_t end = v->end;
        int err = v->prot ? fault_all(mm, v->start, end, 0) : 0;
        (void)err; /* mm/mlock.c ignores what mm_populate() says */
        v = vma_find(mm, end);
    }
    return 0;
}

int mm_lock_all(struct mm *mm, int flags)
{
    int err = 0;

    if (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    mm_enter(mm);
    if (flags) {
        err = lock_all_locked(mm, flags);
    } else {
        mm->future = 0;
        mark_all(mm, 0);
    }
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}
