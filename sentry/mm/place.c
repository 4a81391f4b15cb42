/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a new range goes: the highest hole that it fits in, below mmap_base, as
 * arch_get_unmapped_area_topdown() does.
 *
 * A walk over all ranges for each mmap would be slow for a guest with many. So we
 * remember that above `hole_top` there is no hole of `hole_len` bytes: a search for
 * as much or more starts there. What is freed above moves it up.
 */
#include <errno.h>

#include "sentry/mm/mm_priv.h"
#include "sentry/mm/vma.h"

/* MAP_32BIT: arch/x86/kernel/sys_x86_64.c, find_start_end() */
#define LOW32_START ((uint64_t)0x40000000)
#define LOW32_END   ((uint64_t)0x80000000)

static bool is_free(struct mm *mm, uint64_t at, uint64_t len) HOLDS(mm->lock);
static bool is_free(struct mm *mm, uint64_t at, uint64_t len)
{
    const struct vma *v = vma_find(mm, at);

    return !v || (v->start > at && vma_low(v) >= at && vma_low(v) - at >= len);
}

static bool search_up(struct mm *mm, uint64_t at, uint64_t end, uint64_t len, uint64_t *out)
    HOLDS(mm->lock);
static bool search_up(struct mm *mm, uint64_t at, uint64_t end, uint64_t len, uint64_t *out)
{
    for (const struct vma *v = vma_find(mm, at);; v = vma_next(v)) {
        uint64_t stop = v ? min(vma_low(v), end) : end;
        if (stop >= at && stop - at >= len) {
            *out = at;
            return true;
        }
        if (!v || v->end >= end)
            return false;
        at = max(at, v->end);
    }
}

static bool search_down(struct mm *mm, uint64_t top, uint64_t len, uint64_t *out) HOLDS(mm->lock);
static bool search_down(struct mm *mm, uint64_t top, uint64_t len, uint64_t *out)
{
    const struct vma *v =
        vma_find(mm, top - 1); /* the first that may reach into the hole below top */

    if (v)
        top = min(top, vma_low(v));
    v = v ? vma_prev(v) : rb_entry_or_null(rb_last(&mm->vmas), struct vma, node);
    for (;; v = vma_prev(v)) {
        uint64_t floor = max(v ? v->end : 0, MMAP_MIN_ADDR);
        if (top >= floor && top - floor >= len) {
            *out = top - len;
            return true;
        }
        if (!v || top < MMAP_MIN_ADDR)
            return false;
        top = min(top, vma_low(v));
    }
}

int place_find(struct mm *mm, uint64_t hint, uint64_t len, bool low32, uint64_t *out)
{
    uint64_t size = mm_task_size(mm), base = min(mm->layout.mmap_base, size);

    if (len > size - MMAP_MIN_ADDR)
        return -ENOMEM;
    if (hint && hint >= MMAP_MIN_ADDR && hint <= size - len && !low32 && is_free(mm, hint, len)) {
        *out = hint;
        return 0;
    }
    if (low32)
        return search_up(mm, LOW32_START, LOW32_END, len, out) ? 0 : -ENOMEM;
    bool known = mm->hole_top && len >= mm->hole_len;
    if (search_down(mm, known ? min(mm->hole_top, base) : base, len, out)) {
        mm->hole_top = *out;
        mm->hole_len = len;
        return 0;
    }
    return search_up(mm, page_down(size / 3), size, len, out) ? 0 : -ENOMEM;
}

void place_freed(struct mm *mm, uint64_t start, uint64_t end)
{
    if (!mm->hole_top || end <= mm->hole_top)
        return;
    const struct vma *next = vma_find(mm, end);
    mm->hole_top = next ? max(vma_low(next), end) : mm_task_size(mm);
    (void)start;
}
