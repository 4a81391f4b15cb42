/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mmap(2), and the ranges that the sentry itself puts into a guest.
 *
 *   source    mmap(2); mm/mmap.c of Linux 6.6, do_mmap() and mmap_region(), for the order of errors
 */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/late.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

#define PROT_RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

/* LEGACY_MAP_MASK of linux/mman.h, and what else MAP_SHARED_VALIDATE lets through. */
#define KNOWN_FLAGS                                                                          \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
     MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |  \
     MAP_HUGETLB | MAP_32BIT | MAP_FIXED_NOREPLACE)

/* A mmap() that is being decided. */
struct request {
    uint64_t hint, len;
    int prot, flags; /* the guest's */
    struct map_source *source;
    bool shared, fixed;
    uint32_t vma_flags;
    struct batch *batch;
};

static void put_source(struct mm *mm, struct map_source *s)
{
    if (s->path)
        mm->hooks->put(s->path);
    if (s->mappable)
        s->mappable->ops->put(s->mappable);
    *s = (struct map_source){ 0 };
}

/* The checks that need no lock, in Linux's order. */
static int check(struct request *r)
{
    const struct map_source *s = r->source;
    int type = r->flags & MAP_TYPE;
    uint64_t end;

    if (r->len == 0)
        return -EINVAL;
    r->len = page_up(r->len);
    if (r->len == 0)
        return -ENOMEM;
    if (__builtin_add_overflow(s->off, r->len, &end))
        return -EOVERFLOW;
    /* file_mmap_ok(): no file is larger than an off_t says */
    if (s->mappable && end > INT64_MAX)
        return -EOVERFLOW;
    if (r->flags & MAP_HUGETLB)
        return -ENOMEM; /* as where no huge pages are set aside */
    if (type == MAP_SHARED_VALIDATE) {
        if (!s->mappable)
            return -EINVAL;
        if (r->flags & ~(KNOWN_FLAGS | MAP_SHARED_VALIDATE))
            return -EOPNOTSUPP;
        type = MAP_SHARED;
    }
    if (type != MAP_SHARED && type != MAP_PRIVATE)
        return -EINVAL;
    r->shared = type == MAP_SHARED;
    if ((r->flags & MAP_GROWSDOWN) && (s->mappable || r->shared))
        return -EINVAL;
    if (s->mappable && r->shared && (r->prot & PROT_WRITE) && !s->may_write)
        return -EACCES;
    if (s->mappable && !s->may_exec && (r->prot & PROT_EXEC))
        return -EPERM;
    return 0;
}

static uint32_t flags_of(const struct request *r)
{
    const struct map_source *s = r->source;
    uint32_t f = VMA_MAY_READ | VMA_MAY_WRITE | VMA_MAY_EXEC;

    if (r->shared)
        f |= VMA_SHARED;
    if (s->mappable && r->shared && !s->may_write)
        f &= ~(uint32_t)VMA_MAY_WRITE;
    if (s->mappable && !s->may_exec)
        f &= ~(uint32_t)VMA_MAY_EXEC;
    if (r->flags & MAP_GROWSDOWN)
        f |= VMA_GROWS_DOWN;
    if (r->flags & MAP_NORESERVE)
        f |= VMA_NO_RESERVE;
    if (r->flags & MAP_LOCKED)
        f |= VMA_LOCKED;
    return f;
}

static int place_locked(struct mm *mm, const struct request *r, uint64_t *out) HOLDS(mm->lock);
static int place_locked(struct mm *mm, const struct request *r, uint64_t *out)
{
    uint64_t size = mm_task_size(mm), hint = r->hint;

    if (r->len > size)
        return -ENOMEM;
    if (r->fixed) {
        if (hint > size - r->len)
            return -ENOMEM;
        if (hint & PAGE_MASK)
            return -EINVAL;
        if (hint < MMAP_MIN_ADDR)
            return -EPERM;
        patch_yield(mm, hint, r->len);
        *out = hint;
        return 0;
    }
    hint = page_down(hint);
    if (hint && hint < MMAP_MIN_ADDR)
        hint = MMAP_MIN_ADDR;
    return place_find(mm, hint, r->len, r->flags & MAP_32BIT, out);
}

/* How many pages of [start, end) are in a range already: MAP_FIXED will take them away. */
static uint64_t count_mapped(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
static uint64_t count_mapped(struct mm *mm, uint64_t start, uint64_t end)
{
    uint64_t pages = 0;

    for (const struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(v))
        pages += (min(v->end, end) - max(v->start, start)) / PAGE_SIZE;
    return pages;
}

/* A new range over whatever was there. Takes what the source holds, on success. */
static int enter_locked(struct mm *mm, uint64_t at, struct request *r) HOLDS(mm->lock);
static int enter_locked(struct mm *mm, uint64_t at, struct request *r)
{
    uint64_t pages = r->len / PAGE_SIZE;
    uint64_t old = r->fixed ? count_mapped(mm, at, at + r->len) : 0;
    struct vma like = {
        .start = at,
        .end = at + r->len,
        .prot = r->prot & PROT_RWX,
        .flags = r->vma_flags,
        .mm = mm,
    };
    struct vma *v;

    int err = quota_grow(mm, pages - old, like.prot, like.flags);
    if (err)
        return err;
    err = vma_clone(mm, &like, &v);
    if (err)
        return err;
    if (old)
        err = unmap_in_batch(mm, at, r->len, r->batch);
    if (!err) /* it may have gone with what was there */
        err = mappable_open(r->source->mappable, mm->process);
    if (err) {
        vma_drop(mm, v);
        return err;
    }
    v->mappable = r->source->mappable;
    v->path = r->source->path;
    v->pgoff = (v->mappable ? r->source->off : at) / PAGE_SIZE;
    *r->source = (struct map_source){ 0 };
    vma_insert(mm, v);
    return 0;
}

/*
 * A loader maps all of an object at first (MAP_DENYWRITE is what it says then, and nobody
 * else does), and part after part over it: only then does it look.
 */
static enum batch_wait wait_for_more(struct mm *mm, const struct request *r) HOLDS(mm->lock);
static enum batch_wait wait_for_more(struct mm *mm, const struct request *r)
{
    if ((r->flags & MAP_DENYWRITE) || (r->fixed && late_overlaps(mm, r->hint, r->hint + r->len)))
        return BATCH_LATER;
    return !r->source->mappable && late_is_worth_it(mm) ? BATCH_GUESS : BATCH_NOW;
}

static int map_locked(struct mm *mm, struct request *r, uint64_t *out) HOLDS(mm->lock);
static int map_locked(struct mm *mm, struct request *r, uint64_t *out)
{
    uint64_t at = 0;

    if (mm->nvmas >= VMAS_MAX)
        return -ENOMEM;
    r->vma_flags = flags_of(r) | mm->future;
    if ((r->flags & MAP_LOCKED) && !mm->may_lock && limit_soft(mm->limits, RLIMIT_MEMLOCK) == 0)
        return -EPERM;
    if ((r->vma_flags & VMA_LOCKED) && !quota_lock(mm, r->len / PAGE_SIZE))
        return -EAGAIN;
    int err = place_locked(mm, r, &at);
    if (err)
        return err;
    if ((r->flags & MAP_FIXED_NOREPLACE) && count_mapped(mm, at, at + r->len))
        return -EEXIST;
    r->batch->wait = wait_for_more(mm, r);
    err = enter_locked(mm, at, r);
    if (!err)
        *out = at;
    return err;
}

/* Pages that cost less now than their faults would. */
static void fill_ahead(struct mm *mm, const struct request *r, uint64_t at) HOLDS(mm->lock);
static void fill_ahead(struct mm *mm, const struct request *r, uint64_t at)
{
    struct vma *v = vma_at(mm, at);
    bool all = (r->flags & MAP_POPULATE) && !(r->flags & MAP_NONBLOCK);

    if ((r->vma_flags & VMA_LOCKED) && !(r->vma_flags & VMA_LOCK_ON_FAULT))
        all = true;
    /* What was there may be seen for as long as the lock is held, and no longer. */
    if (all || v->mappable)
        batch_end(r->batch);
    if (all && v->prot) {
        int err = fault_all(mm, at, at + r->len, 0);
        (void)err; /* mmap(2): "the mmap() call doesn't fail if the mapping cannot be populated" */
    } else if (v->mappable) {
        filemap_ahead(mm, at, at + r->len, r->batch->wait);
    } else {
        anon_fill_ahead(mm, v, at, at + r->len, r->batch);
    }
}

int mm_map(struct mm *mm, uptr_t hint, uint64_t len, int prot, int flags, struct map_source *source,
           uptr_t *out)
{
    struct request r = {
        .hint = hint.va, .len = len, .prot = prot, .flags = flags, .source = source
    };
    struct batch b;
    uint64_t at = 0;

    r.fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    int err = check(&r);
    if (!err && r.shared && !source->mappable) {
        /* What could never fit is refused here, too: no address space, or no RAM (mm/util.c) */
        if (r.len > mm_task_size(mm) || (!(flags & MAP_NORESERVE) && r.len > ram_total(mm->arena)))
            err = -ENOMEM;
        else
            err = shared_create(mm->arena, r.len, &source->mappable);
        source->may_write = source->may_exec = true;
        source->off = 0;
    }
    if (!err) {
        mm_enter(mm);
        batch_begin(&b, mm);
        r.batch = &b;
        err = map_locked(mm, &r, &at);
        if (!err)
            fill_ahead(mm, &r, at);
        batch_end(&b);
        assert_slow(vma_check_often(mm));
        mm_leave(mm);
    }
    put_source(mm, source);
    if (!err)
        *out = uptr(at);
    return err;
}

/* The range that remap_file_pages(2) is about, as the source of a new one. */
static int source_of(struct mm *mm, uint64_t start, uint64_t len, uint64_t pgoff,
                     struct map_source *out, int *prot) HOLDS(mm->lock);
static int source_of(struct mm *mm, uint64_t start, uint64_t len, uint64_t pgoff,
                     struct map_source *out, int *prot)
{
    struct vma *v = vma_at(mm, start);

    if (!v || !(v->flags & VMA_SHARED) || !v->mappable || v->end - start < len)
        return -EINVAL;
    v->mappable->ops->get(v->mappable);
    *out = (struct map_source){
        .mappable = v->mappable,
        .off = pgoff * PAGE_SIZE,
        .may_write = v->flags & VMA_MAY_WRITE,
        .may_exec = v->flags & VMA_MAY_EXEC,
        .path = v->path ? mm->hooks->get(v->path) : NULL,
    };
    *prot = v->prot;
    return 0;
}

int mm_remap_file(struct mm *mm, uptr_t at, uint64_t len, uint64_t pgoff)
{
    uint64_t start = page_down(at.va);
    struct map_source source;
    uptr_t out;
    int prot;

    len = page_down(len);
    if (start + len <= start || pgoff + len / PAGE_SIZE < pgoff || pgoff >> 52)
        return -EINVAL;
    mm_enter(mm);
    int err = source_of(mm, start, len, pgoff, &source, &prot);
    mm_leave(mm);
    if (err)
        return err;
    return mm_map(mm, uptr(start), len, prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE, &source, &out);
}

/* ---- of the sentry's own making ---- */

static int special_locked(struct mm *mm, struct vma *like) HOLDS(mm->lock);
static int special_locked(struct mm *mm, struct vma *like)
{
    uint64_t pages = (like->end - like->start) / PAGE_SIZE;
    struct vma *v;

    if (mm->nvmas >= VMAS_MAX)
        return -ENOMEM;
    int err = quota_grow(mm, pages, like->prot, like->flags);
    if (!err)
        err = unmap_locked(mm, like->start, like->end - like->start);
    if (!err)
        err = vma_clone(mm, like, &v);
    if (!err)
        vma_insert(mm, v);
    return err;
}

static void special_vma(struct vma *v, struct mm *mm, uptr_t at, uint64_t len, int prot, int flags,
                        const char *name)
{
    uint64_t size = mm_task_size(mm);

    assert(at.va < size && page_up(len) <= size - at.va);
    *v = (struct vma){
        .start = at.va,
        .end = at.va + page_up(len),
        .prot = prot & PROT_RWX,
        .flags = VMA_MAY_READ | VMA_MAY_WRITE | VMA_MAY_EXEC,
        .pgoff = at.va / PAGE_SIZE,
        .mm = mm,
        .name = name,
    };
    if (flags & MAP_GROWSDOWN)
        v->flags |= VMA_GROWS_DOWN;
    else if (name)
        v->flags |= VMA_SPECIAL;
}

int mm_map_special(struct mm *mm, uptr_t at, uint64_t len, int prot, int flags, const char *name,
                   const void *data, size_t data_size)
{
    struct vma like;

    assert(!(at.va & PAGE_MASK) && data_size <= page_up(len));
    special_vma(&like, mm, at, len, prot, flags, name);
    mm_enter(mm);
    int err = special_locked(mm, &like);
    if (!err) {
        struct batch b;
        batch_begin(&b, mm);
        anon_fill_ahead(mm, vma_at(mm, at.va), like.start, like.end, &b);
        batch_end(&b);
    }
    mm_leave(mm);
    if (!err && data_size &&
        mm_access(mm, at, (void *)(uintptr_t)data, data_size, true) != (ssize_t)data_size)
        err = -ENOMEM;
    return err;
}

int mm_map_frame(struct mm *mm, uptr_t at, int prot, const char *name, pfn_t pfn)
{
    struct vma like;

    assert(!(at.va & PAGE_MASK));
    special_vma(&like, mm, at, PAGE_SIZE, prot, 0, name);
    like.flags = (like.flags | VMA_SPECIAL | VMA_DONT_DUMP) & ~(uint32_t)VMA_MAY_WRITE;
    mm_enter(mm);
    int err = special_locked(mm, &like);
    pte_t *slot = err ? NULL : pt_make(mm, at.va);
    if (slot) {
        struct batch b;
        frame_get(mm->arena, pfn, 1);
        batch_begin(&b, mm);
        pt_set(mm, at.va, slot, pte_make(vma_at(mm, at.va), pfn, 0));
        batch_map(&b, at.va, *slot, 1);
        batch_end(&b);
    } else if (!err) {
        unmap_range(mm, at.va, at.va + PAGE_SIZE);
        err = -ENOMEM;
    }
    mm_leave(mm);
    return err;
}
