/* SPDX-License-Identifier: Apache-2.0 */
/* msync(2) and mincore(2): what of a range is where. */
#include <errno.h>

#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/vma.h"

/* Writes one range's part back. The lock is dropped meanwhile. */
static int sync_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) HOLDS(mm->lock);
static int sync_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
    struct mappable *m = v->mappable;

    if (!m || !(v->flags & VMA_SHARED) || !m->ops->sync)
        return 0;
    uint64_t from = vma_index(v, start) * PAGE_SIZE;
    m->ops->get(m);
    mm_leave(mm);
    int err = m->ops->sync(m, from, from + (end - start));
    m->ops->put(m);
    mm_enter(mm);
    return err;
}

static int sync_locked(struct mm *mm, uint64_t start, uint64_t end, int flags) HOLDS(mm->lock);
static int sync_locked(struct mm *mm, uint64_t start, uint64_t end, int flags)
{
    int hole = 0;

    while (start < end) {
        struct vma *v = vma_find(mm, start);
        if (!v || v->start >= end)
            return -ENOMEM;
        if (v->start > start) {
            if (flags == MS_ASYNC)
                return -ENOMEM;
            hole = -ENOMEM;
            start = v->start;
        }
        if ((flags & MS_INVALIDATE) && (v->flags & VMA_LOCKED))
            return -EBUSY;
        uint64_t stop = min(end, v->end);
        int err = flags & MS_SYNC ? sync_part(mm, v, start, stop) : 0;
        if (err)
            return err;
        start = stop;
    }
    return hole;
}

int mm_sync(struct mm *mm, uptr_t at, uint64_t len, int flags)
{
    uint64_t end = at.va + page_up(len);

    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (at.va & PAGE_MASK) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC)))
        return -EINVAL;
    if (end < at.va || page_up(len) < len)
        return -ENOMEM;
    if (end == at.va)
        return 0;
    mm_enter(mm);
    int err = sync_locked(mm, at.va, end, flags);
    mm_leave(mm);
    return err;
}

/* One byte for each of `count` pages. */
static int incore_locked(struct mm *mm, uint64_t start, uint64_t count, unsigned char *vec)
    HOLDS(mm->lock);
static int incore_locked(struct mm *mm, uint64_t start, uint64_t count, unsigned char *vec)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t va = start + i * PAGE_SIZE;
        if (!vma_at(mm, va))
            return -ENOMEM;
        const pte_t *slot = pt_find(mm, va);
        vec[i] = slot && *slot;
    }
    return 0;
}

int mm_incore(struct mm *mm, uptr_t at, uint64_t len, uptr_t vec)
{
    uint64_t size = mm_task_size(mm), count = page_up(len) / PAGE_SIZE;
    unsigned char part[512];

    if (at.va & PAGE_MASK)
        return -EINVAL;
    if (at.va > size || len > size - at.va)
        return -ENOMEM;
    if (vec.va > size || count > size - vec.va)
        return -EFAULT;
    for (uint64_t done = 0; done < count;) {
        uint64_t n = min(count - done, (uint64_t)sizeof part);
        mm_enter(mm);
        int err = incore_locked(mm, at.va + done * PAGE_SIZE, n, part);
        mm_leave(mm);
        if (!err)
            err = copy_out(mm, uptr_at(vec, done), part, n);
        if (err)
            return err;
        done += n;
    }
    return 0;
}
