/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the table to the platform, in batches.
 *
 * A hand-over costs as much as many operations, and a mapping of the host is worth
 * keeping few of: neighbours that lie together become one operation. Where the host
 * has no room for another mapping, everything is unmapped at once, which needs none,
 * and the guest faults back in what it really uses.
 *
 * What exec builds is shown all at once, before the guest's first instruction.
 */
#include "sentry/mm/shadow.h"

#include <string.h>

#include "base/panic.h"
#include "sentry/mm/gone.h"
#include "sentry/mm/late.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/narrow.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/vma.h"

/* Mappings of a shadow; the host allows 65,530 (vm.max_map_count). */
#define MAPS_MAX 50000u

void batch_begin(struct batch *b, struct mm *mm)
{
    batch_begin_new(b, mm, BATCH_NOW);
}

void batch_begin_new(struct batch *b, struct mm *mm, enum batch_wait wait)
{
    b->mm = mm;
    b->nops = b->nruns = b->ngone = 0;
    b->populate = false;
    b->wait = wait;
}

static int apply(struct mm *mm, const struct mem_op *ops, size_t n)
{
    struct platform_tally *tally = platform_tally(mm->arena);

    tally_add(&tally->batches, 1);
    tally_add(&tally->changes, n);
    return platform_of(mm->arena)->ops->aspace_apply(mm->aspace, ops, n);
}

/*
 * Hides all of the guest's memory. From here on the table is ahead of the shadow. Where the host
 * has killed what stood for the address space nobody is left to see it, and its tasks die by
 * SIGKILL when they are to run.
 */
static void hide_all(struct mm *mm)
{
    struct mem_op all = { .kind = MEM_UNMAP, .va = 0, .size = mm_task_size(mm) };
    int err = apply(mm, &all, 1);

    if (err && err != -EIO)
        panic("aspace_apply(MEM_UNMAP of everything): %d", err);
    mm->partial = true;
    mm->late.count = 0;
    mm->maps = 0;
}

/* Entries from `slot` on, of those up to `end` in its leaf, that make one mapping. */
static uint64_t like_run(const pte_t *slot, uint64_t va, uint64_t end)
{
    uint64_t most = (min((va & ~(LEAF_SIZE - 1)) + LEAF_SIZE, end) - va) / PAGE_SIZE, n = 1;

    while (n < most && slot[n] == slot[0] + (n << PAGE_SHIFT))
        n++;
    return n;
}

uint64_t shadow_count(struct mm *mm, uint64_t most)
{
    uint64_t n = 0, va, next_va = 0, end = mm_task_size(mm);
    pte_t *slot, next = 0;

    pt_for_each (mm, va, slot, 0, end) {
        uint64_t run = like_run(slot, va, end);
        n += va != next_va || *slot != next;
        if (n >= most)
            break;
        next_va = va + run * PAGE_SIZE;
        next = *slot + run * PAGE_SIZE;
        va = next_va - PAGE_SIZE;
    }
    return n;
}

/* A mapping replaces what is there: nothing need be taken away right before. */
static void drop_needless(struct batch *b)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->nops; i++) {
        const struct mem_op *op = &b->ops[i], *next = op + 1;
        bool replaced = i + 1 < b->nops && op->kind == MEM_UNMAP && next->kind == MEM_MAP &&
                        next->va <= op->va && op->va + op->size <= next->va + next->size;
        if (!replaced)
            b->ops[n++] = *op;
    }
    b->nops = n;
}

/* What waited and has been replaced meanwhile is forgotten; the rest goes first. */
static void take_along(struct mm *mm, struct batch *b) HOLDS(mm->lock);
static void take_along(struct mm *mm, struct batch *b)
{
    struct mem_op late[LATE_OPS];

    if (b->wait && late_keep(mm, b->ops, b->nops, b->wait == BATCH_GUESS)) {
        b->nops = 0;
        return;
    }
    for (uint32_t i = 0; i < b->nops; i++) {
        if (b->ops[i].kind != MEM_PROTECT)
            late_cut(mm, b->ops[i].va, b->ops[i].va + b->ops[i].size);
    }
    drop_needless(b);
    uint32_t n = late_take(mm, late);
    memmove(b->ops + n, b->ops, b->nops * sizeof b->ops[0]);
    memcpy(b->ops, late, n * sizeof b->ops[0]);
    b->nops += n;
    gone_flush(mm, b);
    narrow_flush(mm, b);
}

static void send(struct batch *b);
static void send(struct batch *b)
{
    struct mm *mm = b->mm;

    mm_assert_entered(mm);
    if (b->nops > 0 && mm->aspace && !mm->unseen)
        take_along(mm, b);
    if (b->nops == 0)
        return;
    if (mm->aspace && !mm->unseen) {
        mm->maps += 2 * b->nops; /* at most: one that is new, one that is cut in two */
        if (mm->maps > MAPS_MAX)
            mm->maps = shadow_count(mm, UINT64_MAX);
        if (mm->maps > MAPS_MAX / 4 * 3 || apply(mm, b->ops, b->nops))
            hide_all(mm);
    }
    b->nops = 0;
}

static struct mem_op *new_op(struct batch *b);
static struct mem_op *new_op(struct batch *b)
{
    if (b->nops == BATCH_OPS)
        send(b);
    return &b->ops[b->nops++];
}

/* Does `e` at `va` go on where the last operation ends? */
static bool continues(const struct batch *b, uint64_t va, pte_t e)
{
    const struct mem_op *last = b->nops ? &b->ops[b->nops - 1] : NULL;

    return last && last->kind == MEM_MAP && b->run > 0 && b->next == pte_pfn(e) &&
           last->va + last->size == va && last->prot == pte_prot(e) &&
           last->populate == b->populate;
}

void batch_map(struct batch *b, uint64_t va, pte_t e, uint64_t count)
{
    while (count > 0) {
        if (!continues(b, va, e)) {
            struct backing at;
            pfn_backing(b->mm->arena, pte_pfn(e), &at);
            *new_op(b) = (struct mem_op){
                .kind = MEM_MAP,
                .prot = pte_prot(e),
                .va = va,
                .file = at.file,
                .off = at.off,
                .populate = b->populate,
            };
            b->run = at.run;
        }
        uint64_t n = min(count, b->run);
        b->ops[b->nops - 1].size += n * PAGE_SIZE;
        b->run -= n;
        b->next = pte_pfn(e) + n;
        va += n * PAGE_SIZE;
        e += n << PAGE_SHIFT;
        count -= n;
    }
}

void batch_unmap(struct batch *b, uint64_t va, uint64_t size)
{
    struct mem_op *last = b->nops ? &b->ops[b->nops - 1] : NULL;

    if (last && last->kind == MEM_UNMAP && last->va + last->size == va) {
        last->size += size;
        return;
    }
    *new_op(b) = (struct mem_op){ .kind = MEM_UNMAP, .va = va, .size = size };
}

void batch_protect(struct batch *b, uint64_t va, uint64_t size, int prot)
{
    struct mem_op *last = b->nops ? &b->ops[b->nops - 1] : NULL;

    if (b->mm->partial) {
        /* Some of it may not be mapped: the guest faults in what it needs. */
        batch_unmap(b, va, size);
        return;
    }
    if (last && last->kind == MEM_PROTECT && last->va + last->size == va && last->prot == prot) {
        last->size += size;
        return;
    }
    *new_op(b) = (struct mem_op){ .kind = MEM_PROTECT, .prot = prot, .va = va, .size = size };
}

static void put_run(struct batch *b, pfn_t pfn, uint64_t count)
{
    if (b->nruns == BATCH_RUNS)
        batch_end(b);
    b->runs[b->nruns].pfn = pfn;
    b->runs[b->nruns++].count = count;
}

void batch_put(struct batch *b, pfn_t pfn, uint64_t count)
{
    uint32_t n = b->nruns;

    if (!frame_is_ram(b->mm->arena, pfn))
        return;
    if (n && b->runs[n - 1].count && b->runs[n - 1].pfn + b->runs[n - 1].count == pfn)
        b->runs[n - 1].count += count;
    else
        put_run(b, pfn, count);
}

void batch_put_leaf(struct batch *b, pfn_t leaf)
{
    put_run(b, leaf, 0);
}

void batch_end(struct batch *b)
{
    send(b);
    for (uint32_t i = 0; i < b->nruns; i++) {
        if (b->runs[i].count)
            frame_put(b->mm->arena, b->runs[i].pfn, b->runs[i].count);
        else
            pt_leaf_put(b->mm->arena, b->runs[i].pfn);
    }
    for (uint32_t i = 0; i < b->ngone; i++)
        frame_put(b->mm->arena, b->gone[i].pfn, b->gone[i].pages);
    b->nruns = b->ngone = 0;
}

void shadow_catch_up(struct mm *mm)
{
    struct batch b;

    if (mm->late.count == 0 && mm->gone.count == 0 && mm->narrow.count == 0)
        return;
    batch_begin(&b, mm);
    b.nops = late_take(mm, b.ops);
    gone_flush(mm, &b);
    narrow_flush(mm, &b);
    batch_end(&b);
}

void shadow_refill(struct mm *mm, uint64_t start, uint64_t end)
{
    struct batch b;
    uint64_t va;
    pte_t *slot;

    batch_begin(&b, mm);
    pt_for_each (mm, va, slot, start, end) {
        uint64_t run = like_run(slot, va, end);
        batch_map(&b, va, *slot, run);
        va += (run - 1) * PAGE_SIZE;
    }
    batch_end(&b);
}
