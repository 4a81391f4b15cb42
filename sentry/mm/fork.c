/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork(2).
 *
 * The parent's own pages lose their write rights first, in one batch, on the platform
 * too: from then on its other threads fault, and wait for our lock. Then the platform
 * copies the address space, mappings, rights and all, and we copy the rest: ranges,
 * table, a reference for each frame.
 *
 * Some pages are written by both right afterwards: stacks, libc's data. What had to be
 * copied after earlier forks is copied for the child at once, and stays the parent's
 * own. That is done only where no other thread can write there meanwhile.
 *
 * A frame that the host is reading or writing on behalf of io_pin() must not be shared
 * meanwhile: what the host still writes would show on both sides. So fork waits.
 */
#include <errno.h>
#include <string.h>

#include "base/host.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

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

#define HOT_FORKS 16u /* for how many forks a chunk is remembered */

void fork_note_hot(struct mm *mm, uint64_t va)
{
    uint64_t at = va & ~(uint64_t)(CHUNK_BYTES - 1);
    struct hot *oldest = &mm->hot[0];

    for (struct hot *h = mm->hot; h < mm->hot + HOT_CHUNKS; h++) {
        if (h->forks && h->at == at) {
            h->forks = HOT_FORKS;
            return;
        }
        if (h->forks < oldest->forks)
            oldest = h;
    }
    *oldest = (struct hot){ at, HOT_FORKS };
}

static bool is_hot(const struct mm *mm, uint64_t va)
{
    uint64_t at = va & ~(uint64_t)(CHUNK_BYTES - 1);

    for (const struct hot *h = mm->hot; h < mm->hot + HOT_CHUNKS; h++) {
        if (h->forks && h->at == at)
            return true;
    }
    return false;
}

static void age_hot(struct mm *mm) HOLDS(mm->lock);
static void age_hot(struct mm *mm)
{
    for (struct hot *h = mm->hot; h < mm->hot + HOT_CHUNKS; h++)
        h->forks -= h->forks > 0;
}

/* Both shall fault before they write: in the table and in the parent's shadow. */
static void share_pages(struct mm *mm, struct vma *v, bool all, struct batch *b) HOLDS(mm->lock);
static void share_pages(struct mm *mm, struct vma *v, bool all, struct batch *b)
{
    uint64_t va;
    pte_t *slot;

    pt_for_each (mm, va, slot, v->start, v->end) {
        pte_t was = *slot;
        if (!(was & PTE_ANON) || (was & PTE_COW) || (!all && is_hot(mm, va)))
            continue;
        pt_set(mm, va, slot, (was | PTE_COW) & ~PTE_WRITE);
        if (was & PTE_WRITE)
            batch_protect(b, va, PAGE_SIZE, pte_prot(*slot));
    }
}

static void share_all(struct mm *mm) HOLDS(mm->lock);
static void share_all(struct mm *mm)
{
    bool all = ref_count(&mm->ref) > 1 || fault_must_save(mm);
    struct batch b;

    batch_begin(&b, mm);
    for (struct vma *v = vma_find(mm, 0); v; v = vma_next(v)) {
        if (!(v->flags & (VMA_SHARED | VMA_DONT_FORK | VMA_WIPE_ON_FORK)))
            share_pages(mm, v, all, &b);
    }
    batch_end(&b);
}

/* Entries from `slot` on, at most `most`, that are not shared but copied, and lie in a row. */
static uint64_t hot_run(const pte_t *slot, uint64_t most)
{
    uint64_t n = 0;

    while (n < most && (slot[n] & PTE_ANON) && !(slot[n] & PTE_COW) &&
           pte_pfn(slot[n]) == pte_pfn(slot[0]) + n)
        n++;
    return n;
}

static int copy_entries(struct mm *to, struct vma *copy, struct mm *mm, const struct vma *v,
                        struct batch *b) HOLDS(to->lock, mm->lock);
static int copy_entries(struct mm *to, struct vma *copy, struct mm *mm, const struct vma *v,
                        struct batch *b)
{
    bool shared = v->flags & VMA_SHARED;
    uint64_t va, next = 0, n;
    pte_t *slot, *there = NULL;

    pt_for_each (mm, va, slot, v->start, v->end) {
        uint64_t leaf_end = (va & ~(LEAF_SIZE - 1)) + LEAF_SIZE;
        n = shared ? 0 : hot_run(slot, (min(leaf_end, v->end) - va) / PAGE_SIZE);
        if (n > 0) {
            if (cow_copy(to, copy, va, pte_pfn(*slot), n, b) < n)
                return -ENOMEM;
            va += (n - 1) * PAGE_SIZE;
            continue;
        }
        there = pt_make_next(to, va == next ? there : NULL, va);
        if (!there)
            return -ENOMEM;
        next = va + PAGE_SIZE;
        frame_get(mm->arena, pte_pfn(*slot), 1);
        pt_set(to, va, there, *slot);
    }
    return 0;
}

/* The child's platform has all that the parent's has: what the child is not to have goes. */
static int copy_vma(struct mm *to, struct mm *mm, struct vma *v, struct batch *b)
    HOLDS(to->lock, mm->lock);
static int copy_vma(struct mm *to, struct mm *mm, struct vma *v, struct batch *b)
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
    return v->flags & VMA_WIPE_ON_FORK ? 0 : copy_entries(to, copy, mm, v, b);
}

static int copy_memory(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);
static int copy_memory(struct mm *to, struct mm *mm)
{
    struct batch b;
    int err = 0;

    batch_begin(&b, to);
    for (struct vma *v = vma_find(mm, 0); v && !err; v = vma_next(v))
        err = copy_vma(to, mm, v, &b);
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
    memcpy(to->hot, mm->hot, sizeof to->hot);
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

static int fork_locked(struct mm *to, struct mm *mm) HOLDS(to->lock, mm->lock);
static int fork_locked(struct mm *to, struct mm *mm)
{
    const struct platform_ref *p = platform_of(mm->arena);
    int err = 0;

    assert(!mm->unseen);
    to->hooks = mm->hooks;
    share_all(mm);
    tally_add(&platform_tally(mm->arena)->forks, 1);
    if (mm->aspace)
        err = p->ops->aspace_fork(mm->aspace, &to->aspace);
    else
        err = p->ops->aspace_create(p->platform, &to->aspace);
    to->partial = mm->partial || !mm->aspace;
    to->maps = mm->maps;
    if (!err)
        err = copy_memory(to, mm);
    if (!err)
        err = copy_rest(to, mm);
    if (!err)
        err = patch_fork(to, mm);
    age_hot(mm);
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
