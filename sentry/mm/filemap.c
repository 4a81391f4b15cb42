/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of mappables: asked for without a lock, and put in place if nothing has
 * changed meanwhile. mm->gen says so: every change of a range and every zap moves it.
 */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define ASK_MAX     ((uint64_t)8192) /* pages that one question is about: 32 MiB */
#define AHEAD_TURNS 8                /* questions that an mmap() asks ahead */
#define DATA_MAX                                                                     \
    ((uint64_t)128 << 10) /* a private writable range up to here is copied at mmap() \
                           */

/* One question to a mappable, and what it said. */
struct asked {
    struct mappable *m; /* a reference */
    uint64_t va;
    struct extent got;
    int err;
};

/*
 * Asks where the pages from `va` on are. The lock is dropped meanwhile.
 *
 *   returns   false where the world has changed: nothing is held then
 */
static bool ask(struct mm *mm, struct vma *v, uint64_t va, uint64_t count, unsigned access,
                struct asked *out) HOLDS(mm->lock);
static bool ask(struct mm *mm, struct vma *v, uint64_t va, uint64_t count, unsigned access,
                struct asked *out)
{
    struct mappable *m = v->mappable;
    uint64_t gen = mm->gen, index = vma_index(v, va);

    *out = (struct asked){ .m = m, .va = va };
    m->ops->get(m);
    mm_leave(mm);
    out->err = m->ops->locate(m, index, min(count, ASK_MAX), access, &out->got);
    mm_enter(mm);
    if (mm->gen == gen) {
        /* The range has its own reference still, so this is not the last. */
        m->ops->put(m);
        return true;
    }
    mm_leave(mm);
    if (!out->err)
        frame_put(mm->arena, out->got.pfn, out->got.count);
    m->ops->put(m);
    mm_enter(mm);
    return false;
}

static uint64_t empty_run(const pte_t *slot, uint64_t most)
{
    uint64_t n = 0;

    while (n < most && !slot[n])
        n++;
    return n;
}

/* Puts the pages in place where there are none yet. Takes over their references. */
static int install(struct mm *mm, struct vma *v, uint64_t va, const struct extent *e,
                   struct batch *b) HOLDS(mm->lock);
static int install(struct mm *mm, struct vma *v, uint64_t va, const struct extent *e,
                   struct batch *b)
{
    pte_t bits = e->writable ? PTE_MAY_WRITE : 0;
    pte_t *slot = NULL;

    for (uint64_t i = 0, n; i < e->count; i += n, va += n * PAGE_SIZE) {
        slot = pt_make_next(mm, slot, va);
        if (!slot) {
            frame_put(mm->arena, e->pfn + i, e->count - i);
            return -ENOMEM;
        }
        pte_t was = *slot, now = pte_make(v, e->pfn + i, bits);
        n = empty_run(slot, min(e->count - i, (LEAF_SIZE - (va & (LEAF_SIZE - 1))) / PAGE_SIZE));
        if (n > 0) {
            pt_set_run(mm, slot, now, n);
            batch_map(b, va, now, n);
            slot += n - 1;
            continue;
        }
        n = 1;
        b->wait = BATCH_NOW; /* it is seen, or may be */
        if ((was & (PTE_ANON | PTE_PATCHED)) || was == now) {
            frame_put(mm->arena, e->pfn + i, 1);
            continue;
        }
        pt_set(mm, va, slot, now);
        batch_map(b, va, now, 1);
        batch_put(b, pte_pfn(was), 1);
    }
    return 0;
}

static enum fault_result result_of(int err)
{
    switch (err) {
    case 0:
        return FAULT_DONE;
    case -ENOMEM:
        return FAULT_OOM;
    default: /* past the end of the file, no space behind a hole, or the host's I/O error */
        return FAULT_BUS;
    }
}

/* A missing page of a private range that is to be written: copied at once. */
static enum fault_result copy_missing(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);
static enum fault_result copy_missing(struct mm *mm, struct vma *v, uint64_t va)
{
    uint64_t end = min((va & ~(uint64_t)(CHUNK_BYTES - 1)) + CHUNK_BYTES, v->end);
    const pte_t *slot = pt_find(mm, va);
    uint64_t most = (end - va) / PAGE_SIZE, count = 1;
    struct asked a;
    struct batch b;

    if (fault_must_save(mm))
        most = 1;
    while (count < most && !(slot && slot[count]))
        count++;
    if (!ask(mm, v, va, count, PROT_READ, &a))
        return FAULT_AGAIN;
    if (a.err)
        return result_of(a.err);
    /* Another thread may have been here while the lock was away: gen does not say so. */
    slot = pt_find(mm, va);
    if (slot && *slot) {
        frame_put(mm->arena, a.got.pfn, a.got.count);
        return FAULT_AGAIN;
    }
    batch_begin(&b, mm);
    uint64_t n = 1;
    while (n < a.got.count && !(slot && slot[n]))
        n++;
    uint64_t done = cow_copy(mm, v, va, a.got.pfn, n, &b);
    batch_end(&b);
    frame_put(mm->arena, a.got.pfn, a.got.count);
    if (done > 0)
        return FAULT_DONE;
    return frame_is_ram(mm->arena, a.got.pfn) || fault_must_save(mm) ? FAULT_OOM : FAULT_BUS;
}

enum fault_result filemap_fault(struct mm *mm, struct vma *v, uint64_t va, unsigned want)
{
    bool shared = v->flags & VMA_SHARED, write = want & PROT_WRITE;
    struct asked a;
    struct batch b;

    if (!shared && write)
        return copy_missing(mm, v, va);
    if (!ask(mm, v, va, (v->end - va) / PAGE_SIZE, write ? PROT_WRITE : PROT_READ, &a))
        return FAULT_AGAIN;
    if (a.err)
        return result_of(a.err);
    /* A shared page that may not be written, though the range may: the file changed its mind. */
    bool refused = write && !a.got.writable;
    batch_begin(&b, mm);
    int err = install(mm, v, va, &a.got, &b);
    batch_end(&b);
    return refused ? FAULT_BUS : result_of(err);
}

/* Small and writable: the program's data. It will be written, so it is copied now. */
static bool is_data(const struct vma *v)
{
    return !(v->flags & VMA_SHARED) && (v->prot & PROT_WRITE) && v->end - v->start <= DATA_MAX;
}

/* Copies as much of the answer as there is room for. Gives how many pages. */
static uint64_t copy_ahead(struct mm *mm, struct vma *v, const struct asked *a, struct batch *b)
    HOLDS(mm->lock);
static uint64_t copy_ahead(struct mm *mm, struct vma *v, const struct asked *a, struct batch *b)
{
    const pte_t *slot = pt_find(mm, a->va);
    uint64_t n = 0, most = min(a->got.count, (LEAF_SIZE - (a->va & (LEAF_SIZE - 1))) / PAGE_SIZE);

    /* A page that came while the lock was away stays. */
    while (n < most && !(slot && slot[n]))
        n++;
    n = n ? cow_copy(mm, v, a->va, a->got.pfn, n, b) : 0;
    frame_put(mm->arena, a->got.pfn, a->got.count);
    return n;
}

/* Gives how many pages are in place. */
static uint64_t place_ahead(struct mm *mm, struct vma *v, const struct asked *a,
                            enum batch_wait wait) HOLDS(mm->lock);
static uint64_t place_ahead(struct mm *mm, struct vma *v, const struct asked *a,
                            enum batch_wait wait)
{
    uint64_t n = a->got.count;
    struct batch b;

    batch_begin_new(&b, mm, wait);
    if (is_data(v) && !fault_must_save(mm))
        n = copy_ahead(mm, v, a, &b);
    else if (install(mm, v, a->va, &a->got, &b))
        n = 0;
    else
        patch_ahead(mm, v, a->va, n, &b);
    batch_end(&b);
    return n;
}

void filemap_ahead(struct mm *mm, uint64_t start, uint64_t end, enum batch_wait wait)
{
    for (int i = 0; i < AHEAD_TURNS && start < end; i++) {
        struct vma *v = vma_at(mm, start);
        struct asked a;
        if (!v || !v->mappable || v->prot == PROT_NONE)
            return;
        if (!ask(mm, v, start, (min(end, v->end) - start) / PAGE_SIZE, PROT_READ, &a) || a.err)
            return;
        uint64_t n = place_ahead(mm, v, &a, wait);
        if (n == 0)
            return;
        start += n * PAGE_SIZE;
    }
}
