/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private copies: of frames that a fork shares, and of a file's pages.
 *
 * A break takes the pages around it along, for neighbours are written together, and a
 * run of frames in a row is one mapping for the host. A frame that nobody else has any
 * more is not copied: it only gets its rights back, and so do all such in its leaf.
 */
#include <errno.h>

#include "sentry/mm/copy.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/hot.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

/* Copies `count` pages to frames in a row. Gives how many went. */
static uint64_t copy_pages(struct arena *a, pfn_t to, pfn_t from, uint64_t count)
{
    for (uint64_t i = 0, n; i < count; i += n) {
        struct backing at;
        char *src;
        pfn_backing(a, from + i, &at);
        n = min(count - i, at.run);
        if (pfn_ptr(a, from + i, &src))
            return i;
        uint64_t left = mem_copy(frame_ptr(a, to + i), src, n * PAGE_SIZE);
        if (left)
            return i + (n * PAGE_SIZE - left) / PAGE_SIZE;
    }
    return count;
}

uint64_t cow_copy(struct mm *mm, struct vma *v, uint64_t start, pfn_t pfn, uint64_t count,
                  struct batch *b)
{
    uint64_t done = 0;

    v->had_pages = true;
    while (done < count) {
        uint64_t n = count - done;
        pte_t *slot = NULL;
        pfn_t to;
        if (frame_alloc_near(mm->arena, PFN_NONE, false, &n, &to))
            break;
        uint64_t went = copy_pages(mm->arena, to, pfn + done, n);
        frame_put(mm->arena, to + went, n - went);
        for (uint64_t i = 0; i < went; i++) {
            uint64_t va = start + (done + i) * PAGE_SIZE;
            slot = pt_make_next(mm, slot, va);
            if (!slot) {
                frame_put(mm->arena, to + i, went - i);
                return done + i;
            }
            pte_t was = *slot;
            pt_set(mm, va, slot, pte_make(v, to + i, PTE_ANON));
            b->populate = true;
            batch_map(b, va, *slot, 1);
            b->populate = false;
            if (was) {
                b->wait = BATCH_NOW;
                batch_put(b, pte_pfn(was), 1);
            }
        }
        done += went;
        if (went < n)
            break;
    }
    return done;
}

static bool is_own_alone(struct mm *mm, pte_t e)
{
    return (e & PTE_ANON) && (e & PTE_COW) && frame_refs(mm->arena, pte_pfn(e)) == 1;
}

/* Gives their rights back to all pages of a leaf that are nobody else's any more. */
static void take_back(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
static void take_back(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
{
    uint64_t va;
    pte_t *slot;

    pt_for_each (mm, va, slot, start, end) {
        if (!is_own_alone(mm, *slot))
            continue;
        pt_set(mm, va, slot, pte_make(v, pte_pfn(*slot), PTE_ANON));
        batch_protect(b, va, PAGE_SIZE, pte_prot(*slot));
    }
}

static bool needs_copy(pte_t e)
{
    return e && (!(e & PTE_ANON) || (e & PTE_COW));
}

/* Entries from `slot` on, at most `most`, that need a copy and whose pages lie in a row. */
static uint64_t like_run(const pte_t *slot, uint64_t most)
{
    uint64_t n = 1;

    while (n < most && needs_copy(slot[n]) && pte_pfn(slot[n]) == pte_pfn(slot[0]) + n)
        n++;
    return n;
}

static void copy_chunk(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
static void copy_chunk(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
{
    const pte_t *slot = pt_find(mm, start);
    uint64_t n;

    for (uint64_t va = start; va < end; va += n * PAGE_SIZE, slot += n) {
        n = 1;
        if (!needs_copy(*slot))
            continue;
        n = like_run(slot, (end - va) / PAGE_SIZE);
        if (cow_copy(mm, v, va, pte_pfn(*slot), n, b) < n)
            return;
    }
}

enum fault_result cow_fault(struct mm *mm, struct vma *v, uint64_t va)
{
    uint64_t leaf = va & ~(LEAF_SIZE - 1), chunk = va & ~(uint64_t)(CHUNK_BYTES - 1);
    pte_t *slot = pt_make(mm, va);
    struct batch b;

    if (!slot)
        return FAULT_OOM;
    pte_t was = *slot;
    assert(was && !(v->flags & VMA_SHARED));
    if (was & PTE_ANON)
        hot_note(mm->hot, chunk);
    batch_begin(&b, mm);
    if (is_own_alone(mm, was)) {
        take_back(mm, v, max(leaf, v->start), min(leaf + LEAF_SIZE, v->end), &b);
    } else if (fault_must_save(mm)) {
        copy_chunk(mm, v, va, va + PAGE_SIZE, &b);
    } else {
        take_back(mm, v, max(chunk, v->start), min(chunk + CHUNK_BYTES, v->end), &b);
        copy_chunk(mm, v, max(chunk, v->start), min(chunk + CHUNK_BYTES, v->end), &b);
    }
    /* Where the chunk could not be done, the page itself may still. */
    if (needs_copy(*slot))
        copy_chunk(mm, v, va, va + PAGE_SIZE, &b);
    batch_end(&b);
    if (!needs_copy(*slot))
        return FAULT_DONE;
    return frame_is_ram(mm->arena, pte_pfn(was)) || fault_must_save(mm) ? FAULT_OOM : FAULT_BUS;
}
