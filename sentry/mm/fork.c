/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork(2).
 *
 * The parent's own pages lose their write rights first, in one batch, on the platform
 * too: from then on its other threads fault, and wait for our lock. Then the platform
 * copies the address space, mappings, rights and all, and we copy the rest: ranges,
 * table, a reference for each frame.
 *
 * Some pages are written right afterwards: stacks, libc's data. What had to be copied
 * after earlier forks (hot.h) is copied for the child at once; and what of it is the
 * parent's own stays so, where no other thread can write there meanwhile.
 *
 * Where a range covers a whole leaf of the page table, and nothing in it is hot, both have
 * the leaf in common: what a fork costs grows with the leaves, not with the pages.
 *
 * A frame that the host is reading or writing on behalf of io_pin() must not be shared
 * meanwhile: what the host still writes would show on both sides. So fork waits, with no
 * lock held, from before the first frame is pinned.
 */
#include <errno.h>
#include <string.h>

#include "base/host.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/hot.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

/* A child of up to so many pages and mappings is mapped afresh, where that can be. */
#define AFRESH_PAGES 65536u
#define AFRESH_MAPS  64u

void mm_unpinned(struct mm *mm)
{
    if (atomic_fetch_sub_explicit(&mm->pins, 1, memory_order_acq_rel) == 1)
        host_futex_wake(&mm->pins, INT32_MAX);
}

static void enter_unpinned(struct mm *mm) ACQUIRES(mm->lock);
static void enter_unpinned(struct mm *mm)
{
    uint32_t pins;

    mm_enter(mm);
    while ((pins = atomic_load_explicit(&mm->pins, memory_order_acquire))) {
        mm_leave(mm);
        int err = host_futex_wait(&mm->pins, pins, NSEC_NEVER);
        assert(!err || err == -EAGAIN || err == -EINTR);
        mm_enter(mm);
    }
}

/* Whether the chunk of an address is hot: asked for page after page. */
struct hot_look {
    const struct hot_set *set; /* NULL: nothing is copied ahead */
    uint64_t at;
    bool hot;
};

static bool is_hot(struct hot_look *l, uint64_t va)
{
    uint64_t at = va & ~(uint64_t)(CHUNK_BYTES - 1);

    if (l->at != at) {
        l->at = at;
        l->hot = l->set && hot_has(l->set, at);
    }
    return l->hot;
}

/*
 * Both shall fault before they write: in the table and in the parent's shadow.
 *
 *   keep      what the parent keeps for itself
 */
static void share_pages(struct mm *mm, struct vma *v, struct hot_look *keep, struct batch *b)
    HOLDS(mm->lock);
static void share_pages(struct mm *mm, struct vma *v, struct hot_look *keep, struct batch *b)
{
    uint64_t va;
    pte_t *slot;

    pt_for_each (mm, va, slot, v->start, v->end) {
        pte_t was = *slot;
        if (pt_is_frozen(mm, slot)) {
            va = (va & ~(LEAF_SIZE - 1)) + LEAF_SIZE - PAGE_SIZE;
            continue;
        }
        if (!(was & PTE_ANON) || (was & PTE_COW) || is_hot(keep, va))
            continue;
        pt_set(mm, va, slot, (was | PTE_COW) & ~PTE_WRITE);
        if (was & PTE_WRITE)
            batch_protect(b, va, PAGE_SIZE, pte_prot(*slot));
    }
}

static void share_all(struct mm *mm, const struct hot_set *hot) HOLDS(mm->lock);
static void share_all(struct mm *mm, const struct hot_set *hot)
{
    struct hot_look keep = { .set = ref_count(&mm->ref) > 1 ? NULL : hot };
    struct batch b;

    batch_begin(&b, mm);
    for (struct vma *v = vma_find(mm, 0); v; v = vma_next(v)) {
        if (!(v->flags & (VMA_SHARED | VMA_DONT_FORK | VMA_WIPE_ON_FORK)))
            share_pages(mm, v, &keep, &b);
    }
    batch_end(&b);
}

/* May the leaf of `va` be the child's as it is? */
static bool is_for_both(struct mm *mm, const struct vma *v, const struct hot_look *hot, uint64_t va)
    HOLDS(mm->lock);
static bool is_for_both(struct mm *mm, const struct vma *v, const struct hot_look *hot, uint64_t va)
{
    uint64_t leaf = va & ~(LEAF_SIZE - 1);

    return !v->mappable && !(v->flags & (VMA_SHARED | VMA_SPECIAL)) && v->start <= leaf &&
           v->end >= leaf + LEAF_SIZE && !(hot->set && hot_any(hot->set, leaf, leaf + LEAF_SIZE)) &&
           pt_freeze(mm, va);
}

/* Entries from `slot` on, at most `most`, of pages in a row that are alike: shared now, or not. */
static uint64_t like_run(const pte_t *slot, uint64_t most)
{
    uint64_t n = 1;

    while (n < most && !((slot[n] ^ slot[0]) & (PTE_ANON | PTE_COW)) &&
           pte_pfn(slot[n]) == pte_pfn(slot[0]) + n)
        n++;
    return n;
}

/* The same, of entries that are the same but for their page. */
static uint64_t same_run(const pte_t *slot, uint64_t most)
{
    uint64_t n = 1;

    while (n < most && slot[n] == slot[0] + (n << PAGE_SHIFT))
        n++;
    return n;
}

static uint64_t chunk_end(uint64_t va)
{
    return (va & ~(uint64_t)(CHUNK_BYTES - 1)) + CHUNK_BYTES;
}

/* Pages that the child is to have copies of. Gives for how many it has. */
static uint64_t copy_hot(struct mm *to, struct vma *copy, const pte_t *slot, uint64_t va,
                         struct batch *b) HOLDS(to->lock);
static uint64_t copy_hot(struct mm *to, struct vma *copy, const pte_t *slot, uint64_t va,
                         struct batch *b)
{
    uint64_t n = like_run(slot, (min(chunk_end(va), copy->end) - va) / PAGE_SIZE);

    return cow_copy(to, copy, va, pte_pfn(*slot), n, b);
}

static int copy_entries(struct mm *to, struct vma *copy, struct mm *mm, const struct vma *v,
                        struct hot_look *hot, struct batch *b) HOLDS(to->lock, mm->lock);
static int copy_entries(struct mm *to, struct vma *copy, struct mm *mm, const struct vma *v,
                        struct hot_look *hot, struct batch *b)
{
    bool shared = v->flags & VMA_SHARED;
    uint64_t va, next = 0, looked = UINT64_MAX;
    pte_t *slot, *there = NULL;

    pt_for_each (mm, va, slot, v->start, v->end) {
        uint64_t leaf = va & ~(LEAF_SIZE - 1);
        if (leaf != looked && is_for_both(mm, v, hot, va)) {
            if (pt_share(to, mm, va))
                return -ENOMEM;
            va = leaf + LEAF_SIZE - PAGE_SIZE;
            continue;
        }
        looked = leaf;
        bool own = !shared && (*slot & PTE_ANON), kept = own && !(*slot & PTE_COW);
        /* What the parent has kept was hot a moment ago, whatever its family has learnt since. */
        uint64_t n = kept || (own && is_hot(hot, va)) ? copy_hot(to, copy, slot, va, b) : 0;
        if (n > 0) {
            va += (n - 1) * PAGE_SIZE;
            continue;
        }
        there = kept ? NULL : pt_make_next(to, va == next ? there : NULL, va);
        if (!there)
            return -ENOMEM;
        /* What is hot is decided chunk by chunk. */
        n = same_run(slot, (min(own ? chunk_end(va) : leaf + LEAF_SIZE, v->end) - va) / PAGE_SIZE);
        frame_get(mm->arena, pte_pfn(*slot), n);
        pt_set_run(to, there, *slot, n);
        there += n - 1;
        va += (n - 1) * PAGE_SIZE;
        next = va + PAGE_SIZE;
    }
    return 0;
}

/* The child's platform has all that the parent's has: what the child is not to have goes. */
static int copy_vma(struct mm *to, struct mm *mm, struct vma *v, struct hot_look *hot,
                    struct batch *b) HOLDS(to->lock, mm->lock);
static int copy_vma(struct mm *to, struct mm *mm, struct vma *v, struct hot_look *hot,
                    struct batch *b)
{
    struct vma *copy;

    if (v->flags & (VMA_DONT_FORK | VMA_WIPE_ON_FORK))
        batch_unmap(b, v->start, v->end - v->start);
    if (v->flags & VMA_DONT_FORK)
        return 0;
    int err = vma_clone(to, v, &copy);
    if (err)
        return err;
    /* mlock(2): "memory locks are not inherited" */
    copy->flags &= ~(uint32_t)(VMA_LOCKED | VMA_LOCK_ON_FAULT);
    copy = vma_insert(to, copy);
    vma_inherit_zap(copy, v);
    return v->flags & VMA_WIPE_ON_FORK ? 0 : copy_entries(to, copy, mm, v, hot, b);
}

static int copy_memory(struct mm *to, struct mm *mm, const struct hot_set *hot)
    HOLDS(to->lock, mm->lock);
static int copy_memory(struct mm *to, struct mm *mm, const struct hot_set *hot)
{
    struct hot_look look = { .set = hot };
    struct batch b;
    int err = 0;

    batch_begin(&b, to);
    for (struct vma *v = vma_find(mm, 0); v && !err; v = vma_next(v))
        err = copy_vma(to, mm, v, &look, &b);
    batch_end(&b);
    return err;
}

static int copy_rest(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);
static int copy_rest(struct mm *to, struct mm *mm)
{
    to->layout = mm->layout;
    to->brk = mm->brk;
    to->dumpable = mm->dumpable;
    to->thp_disabled = mm->thp_disabled;
    to->may_lock = mm->may_lock;
    to->membarrier = mm->membarrier;
    to->late.eager = mm->late.eager;
    if (mm->exe)
        to->exe = mm->hooks->get(mm->exe);
    if (!mm->auxv_size)
        return 0;
    to->auxv = arena_alloc(mm->arena, mm->auxv_size);
    if (!to->auxv)
        return -ENOMEM;
    memcpy(to->auxv, mm->auxv, mm->auxv_size);
    to->auxv_size = mm->auxv_size;
    return 0;
}

/* Whether to map all of it costs less than what the host has to do for a new process. */
static bool is_small(struct mm *mm) HOLDS(mm->lock);
static bool is_small(struct mm *mm)
{
    return mm->rss_anon + mm->rss_file + mm->rss_shmem <= AFRESH_PAGES &&
           shadow_count(mm, AFRESH_MAPS) < AFRESH_MAPS;
}

/*
 * The child's half of the platform. An address space that has ended, if there is one, is shown
 * what the child has, before that runs; else the host forks the parent's.
 */
static int fork_aspace(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);
static int fork_aspace(struct mm *to, struct mm *mm)
{
    const struct platform_ref *p = platform_of(mm->arena);

    to->owned = mm->owned;
    to->owner = mm->owner;
    if (p->ops->reuse_beats_fork && is_small(mm) && mm_reuse_aspace(to)) {
        to->unseen = true;
        return 0;
    }
    to->partial = mm->partial || !mm->aspace;
    to->maps = mm->maps;
    tally_add(&platform_tally(mm->arena)->forks, 1);
    if (mm->aspace)
        return p->ops->aspace_fork(mm->aspace, &to->aspace);
    return p->ops->aspace_create(p->platform, NULL, &to->aspace);
}

static int fork_locked(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);
static int fork_locked(struct mm *to, struct mm *mm)
{
    const struct hot_set *hot = fault_must_save(mm) ? NULL : mm->hot;

    assert(!mm->unseen);
    to->hot = hot_get(mm->hot);
    to->hooks = mm->hooks;
    to->process = mm->process; /* it is the parent that forks */
    shadow_catch_up(mm);
    share_all(mm, hot);
    int err = fork_aspace(to, mm);
    if (!err)
        err = copy_memory(to, mm, hot);
    if (!err)
        err = copy_rest(to, mm);
    if (!err)
        err = patch_fork(to, mm);
    hot_age(mm->hot);
    return err;
}

int mm_fork(struct mm *mm, struct limits *limits, struct mm **out)
{
    struct mm *to;

    int err = mm_alloc(mm->arena, limits, &to);
    if (err)
        return err;
    enter_unpinned(mm);
    /* Nobody else knows the child: to take its lock too cannot lead to a deadlock. */
    bool taken = mutex_trylock(&to->lock);
    assert(taken);
    if (taken) {
        err = fork_locked(to, mm);
        assert_slow(err || vma_check_often(to));
        mm_leave(to);
    }
    mm_leave(mm);
    if (err) {
        mm_put(to);
        return err;
    }
    *out = to;
    return 0;
}
