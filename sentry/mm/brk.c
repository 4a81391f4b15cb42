/* SPDX-License-Identifier: Apache-2.0 */
/* brk(2): anonymous memory that grows up from where the program ends. */
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

static bool grow_locked(struct mm *mm, uint64_t from, uint64_t to, int prot) HOLDS(mm->lock);
static bool grow_locked(struct mm *mm, uint64_t from, uint64_t to, int prot)
{
    uint64_t pages = (to - from) / PAGE_SIZE;
    const struct vma *next = vma_find(mm, from);
    struct vma like = {
        .start = from,
        .end = to,
        .prot = prot,
        .flags = VMA_MAY_READ | VMA_MAY_WRITE | VMA_MAY_EXEC | mm->future,
        .pgoff = from / PAGE_SIZE,
        .mm = mm,
    };
    struct vma *v;

    if (next && vma_low(next) < to + PAGE_SIZE)
        return false;
    if (mm->nvmas >= VMAS_MAX || quota_grow(mm, pages, like.prot, like.flags) ||
        ((like.flags & VMA_LOCKED) && !quota_lock(mm, pages)) || vma_clone(mm, &like, &v))
        return false;
    v = vma_insert(mm, v);
    struct batch b;
    batch_begin(&b, mm);
    anon_fill_ahead(mm, v, from, to, &b);
    batch_end(&b);
    if ((like.flags & VMA_LOCKED) && !(like.flags & VMA_LOCK_ON_FAULT)) {
        int err = anon_fill(mm, v, from, to);
        (void)err; /* the fault will say so */
    }
    return true;
}

static uint64_t brk_locked(struct mm *mm, uint64_t want, int prot) HOLDS(mm->lock);
static uint64_t brk_locked(struct mm *mm, uint64_t want, int prot)
{
    uint64_t limit = limit_soft(mm->limits, RLIMIT_DATA);
    uint64_t data = mm->layout.end_data - mm->layout.start_data;
    uint64_t from = page_up(mm->brk), to = page_up(want);

    if (want < mm->layout.start_brk || want >= mm_task_size(mm))
        return mm->brk;
    if (limit != LIMIT_INFINITY && want - mm->layout.start_brk + data > limit)
        return mm->brk;
    if (to < from && unmap_locked(mm, to, from - to))
        return mm->brk;
    if (to > from && !grow_locked(mm, from, to, prot))
        return mm->brk;
    return mm->brk = want;
}

uptr_t mm_brk(struct mm *mm, uptr_t want, int prot)
{
    mm_enter(mm);
    uint64_t brk = brk_locked(mm, want.va, prot);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return uptr(brk);
}
