/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mremap(2): a range grows, shrinks, or goes elsewhere with its pages.
 *
 *   source    mremap(2); mm/mremap.c of Linux 6.17, for the order of errors
 */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* [I] once decoded */
struct remap {
    uint64_t old, old_len, new_len, to; /* bytes, whole pages */
    int flags;
};

/* Shared memory can be mapped again by asking to move nothing of it. */
static bool is_copy(const struct remap *r)
{
    return r->old_len == 0;
}

/* vma_to_resize(): may the range be as large as that? */
static int check_resize(struct mm *mm, const struct vma *v, const struct remap *r) HOLDS(mm->lock);
static int check_resize(struct mm *mm, const struct vma *v, const struct remap *r)
{
    uint64_t more = r->new_len > r->old_len ? (r->new_len - r->old_len) / PAGE_SIZE : 0;

    if (is_copy(r) && !(v->flags & VMA_SHARED))
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && (v->flags & VMA_SPECIAL))
        return -EINVAL;
    if (r->old_len > v->end - r->old)
        return -EFAULT;
    if (more == 0)
        return 0;
    if (vma_index(v, r->old) + (r->new_len >> PAGE_SHIFT) < vma_index(v, r->old))
        return -EINVAL;
    if (v->flags & VMA_SPECIAL)
        return -EFAULT;
    if ((v->flags & VMA_LOCKED) && !quota_lock(mm, more))
        return -EAGAIN;
    return quota_grow(mm, more, v->prot, v->flags);
}

/* The entries of the old place, at the new one. Errors: ENOMEM, before anything has moved. */
static int move_pages(struct mm *mm, uint64_t from, uint64_t to, uint64_t len) HOLDS(mm->lock);
static int move_pages(struct mm *mm, uint64_t from, uint64_t to, uint64_t len)
{
    struct batch b;
    uint64_t va;
    pte_t *slot;

    if (len == 0)
        return 0;
    if (pt_own(mm, from, from + len))
        return -ENOMEM;
    pt_for_each (mm, va, slot, from, from + len) {
        if (!pt_make(mm, to + (va - from)))
            return -ENOMEM;
    }
    batch_begin(&b, mm);
    patch_restore(mm, from, from + len, &b); /* their trampolines lead to where they are */
    pt_for_each (mm, va, slot, from, from + len) {
        uint64_t there = to + (va - from);
        pte_t e = *slot;
        pt_set(mm, va, slot, 0);
        pt_set(mm, there, pt_find(mm, there), e);
        batch_map(&b, there, e, 1);
    }
    batch_unmap(&b, from, len);
    pt_trim(mm, from, from + len, &b);
    batch_end(&b);
    return 0;
}

/* The range at its new place: joined with nobody yet. */
static int make_target(struct mm *mm, const struct vma *v, const struct remap *r, struct vma **out)
    HOLDS(mm->lock);
static int make_target(struct mm *mm, const struct vma *v, const struct remap *r, struct vma **out)
{
    int err = vma_clone(mm, v, out);
    if (err)
        return err;
    /* mm/vma.c, copy_vma(): what has no pages yet may take the number of its new place. */
    (*out)->pgoff = v->mappable || v->had_pages ? vma_index(v, r->old) : r->to / PAGE_SIZE;
    (*out)->start = r->to;
    (*out)->end = r->to + r->new_len;
    (*out)->fault_next = 0;
    return 0;
}

static int move_locked(struct mm *mm, struct vma *v, const struct remap *r) HOLDS(mm->lock);
static int move_locked(struct mm *mm, struct vma *v, const struct remap *r)
{
    bool stays = r->flags & MREMAP_DONTUNMAP, goes = !stays && !is_copy(r);
    struct vma *target;

    if (mm->nvmas >= VMAS_MAX - 3)
        return -ENOMEM;
    int err = make_target(mm, v, r, &target);
    if (err)
        return err;
    /* The cut is first: pages that had moved might find no RAM for the tables of a way back. */
    if (goes)
        err = vma_cut(mm, r->old, r->old + r->old_len);
    v = vma_at(mm, r->old);
    if (!err)
        err = move_pages(mm, r->old, r->to, min(r->old_len, r->new_len));
    if (err) {
        vma_merge(mm, v);
        vma_drop(mm, target);
        return err;
    }
    /* The new range is there before the old one goes: a zap that has met neither finds one. */
    uint64_t peak = mm->peak_total;
    vma_enter(mm, target);
    vma_inherit_zap(target, v);
    if (stays) {
        vma_change(mm, v, v->prot, v->flags & ~(uint32_t)(VMA_LOCKED | VMA_LOCK_ON_FAULT));
        v->had_pages = false;
    } else if (goes) {
        unmap_range(mm, r->old, r->old + r->old_len);
    }
    mm->peak_total = max(peak, mm->total); /* not counted twice */
    vma_merge(mm, target);
    return 0;
}

/* Is there room behind the range? */
static bool can_grow(struct mm *mm, const struct vma *v, uint64_t more)
{
    const struct vma *next = vma_next(v);

    return more <= mm_task_size(mm) - v->end && (!next || vma_low(next) >= v->end + more);
}

static void fill_locked(struct mm *mm, uint64_t start, uint64_t end, uint32_t flags)
    HOLDS(mm->lock);
static void fill_locked(struct mm *mm, uint64_t start, uint64_t end, uint32_t flags)
{
    if ((flags & VMA_LOCKED) && start < end) {
        int err = fault_all(mm, start, end, 0);
        (void)err; /* as in Linux: the call has succeeded */
    }
}

/* mremap_to(): the guest says where to. */
static int remap_to(struct mm *mm, struct remap *r) HOLDS(mm->lock);
static int remap_to(struct mm *mm, struct remap *r)
{
    bool fixed = r->flags & MREMAP_FIXED;

    struct vma *v = vma_at(mm, r->old);
    if (!v)
        return -EFAULT;
    uint64_t keeps = min(r->old_len, r->new_len); /* what is cut off may lie in other ranges */
    struct remap kept = { r->old, keeps, r->new_len, r->to, r->flags };
    int err = check_resize(mm, v, &kept);
    if (!err && fixed && r->to < MMAP_MIN_ADDR)
        err = -EPERM;
    if (!err && fixed)
        err = unmap_locked(mm, r->to, r->new_len);
    if (!err && r->old_len > r->new_len)
        err = unmap_locked(mm, r->old + r->new_len, r->old_len - r->new_len);
    if (err)
        return err;
    r->old_len = keeps;
    v = vma_at(mm, r->old); /* what was unmapped may have been a part of it, or all */
    if (!v)
        return -EFAULT;
    if (r->flags & MREMAP_DONTUNMAP)
        err = quota_grow(mm, r->old_len / PAGE_SIZE, v->prot, v->flags);
    if (!err && !fixed)
        err = place_find(mm, r->to, r->new_len, false, &r->to);
    uint32_t flags = v->flags;
    if (!err)
        err = move_locked(mm, v, r);
    if (!err)
        fill_locked(mm, r->to + r->old_len, r->to + r->new_len, flags);
    return err;
}

/* remap_move(): what keeps its size may be many ranges, and the holes between them move along. */
static int remap_many(struct mm *mm, const struct remap *r, uint64_t *out) HOLDS(mm->lock);
static int remap_many(struct mm *mm, const struct remap *r, uint64_t *out)
{
    uint64_t at = r->old, end = r->old + r->old_len;
    const struct vma *v = vma_find(mm, at);

    if (!v || v->start > at)
        return -EFAULT;
    while (at < end && (v = vma_find(mm, at)) && v->start < end) {
        struct remap part = { .old = max(at, v->start), .flags = r->flags };
        part.old_len = part.new_len = min(end, v->end) - part.old;
        part.to = r->to + (part.old - r->old);
        int err = remap_to(mm, &part);
        if (err)
            return err;
        at = part.old + part.old_len;
    }
    *out = r->to;
    return 0;
}

static int grow_locked(struct mm *mm, struct vma *v, struct remap *r, uint64_t *out)
    HOLDS(mm->lock);
static int grow_locked(struct mm *mm, struct vma *v, struct remap *r, uint64_t *out)
{
    uint64_t more = r->new_len - r->old_len, end = v->end;
    uint32_t flags = v->flags;

    int err = check_resize(mm, v, r);
    if (err)
        return err;
    *out = r->old;
    if (r->old_len == end - r->old && can_grow(mm, v, more)) {
        vma_resize(mm, v, v->start, end + more);
        vma_merge(mm, v);
        fill_locked(mm, end, end + more, flags);
        return 0;
    }
    if (!(r->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    err = place_find(mm, 0, r->new_len, false, &r->to);
    if (!err)
        err = move_locked(mm, v, r);
    if (!err)
        fill_locked(mm, r->to + r->old_len, r->to + r->new_len, flags);
    *out = r->to;
    return err;
}

static int remap_locked(struct mm *mm, struct remap *r, uint64_t *out) HOLDS(mm->lock);
static int remap_locked(struct mm *mm, struct remap *r, uint64_t *out)
{
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        if (mm->nvmas + 2 >= VMAS_MAX - 3)
            return -ENOMEM;
        if ((r->flags & MREMAP_FIXED) && r->old_len == r->new_len)
            return remap_many(mm, r, out);
        int err = remap_to(mm, r);
        *out = r->to;
        return err;
    }
    struct vma *v = vma_at(mm, r->old);
    if (!v)
        return -EFAULT;
    if (r->old_len < r->new_len)
        return grow_locked(mm, v, r, out);
    *out = r->old;
    if (r->old_len == r->new_len)
        return 0;
    return unmap_locked(mm, r->old + r->new_len, r->old_len - r->new_len);
}

/* check_mremap_params() */
static int check(const struct remap *r, uint64_t task_size)
{
    if (r->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if ((r->old & PAGE_MASK) || r->new_len == 0 || r->new_len > task_size)
        return -EINVAL;
    if (!(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
        return 0;
    if (r->to > task_size - r->new_len || (r->to & PAGE_MASK) || !(r->flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
        return -EINVAL;
    if (r->old + r->old_len > r->to && r->to + r->new_len > r->old)
        return -EINVAL;
    return 0;
}

int mm_remap(struct mm *mm, uptr_t old, uint64_t old_len, uint64_t new_len, int flags,
             uptr_t new_at, uptr_t *out)
{
    struct remap r = { old.va, page_up(old_len), page_up(new_len), new_at.va, flags };
    uint64_t size = mm_task_size(mm), at = 0;

    int err = check(&r, size);
    /* No range is as long as what leaves the address space, or wraps. */
    if (!err && (r.old > size || r.old_len > size - r.old || r.old_len < old_len))
        err = -EFAULT;
    if (err)
        return err;
    mm_enter(mm);
    patch_yield(mm, r.old, max(r.old_len, (uint64_t)1));
    err = remap_locked(mm, &r, &at);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    if (!err)
        *out = uptr(at);
    return err;
}
