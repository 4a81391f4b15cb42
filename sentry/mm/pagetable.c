/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables as the processor walks them (SDM vol. 3, 4.5): four levels of 512
 * entries. How many entries of a page are in use stands in its frame's entry.
 */
#include "sentry/mm/pagetable.h"

#include <errno.h>

#include "sentry/mm/frame_table.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

enum { LEVELS = 4 };

/* Of tables above the leaves: leaves alone decide about rights. */
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

static unsigned shift_of(unsigned level)
{
    return PAGE_SHIFT + 9 * level;
}

static inline pte_t *table_at(struct mm *mm, pfn_t pfn)
{
    return (pte_t *)(void *)(ram_of(mm->arena)->base + pfn * PAGE_SIZE);
}

static inline uint16_t *used_of(struct mm *mm, pfn_t table)
{
    return &frames_of(mm->arena)->table[table].used;
}

static inline pte_t *slot_in(struct mm *mm, pfn_t table, unsigned level, uint64_t va)
{
    return &table_at(mm, table)[va >> shift_of(level) & 511];
}

pte_t pte_make(const struct vma *v, pfn_t pfn, pte_t bits)
{
    pte_t e = pfn << PAGE_SHIFT | bits | PTE_USER | PTE_ACCESSED | PTE_DIRTY;
    bool write =
        bits & PTE_ANON ? !(bits & PTE_COW) : (v->flags & VMA_SHARED) && (bits & PTE_MAY_WRITE);

    if (!(v->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)))
        return e | PTE_HIDDEN | PTE_NO_EXEC;
    e |= PTE_PRESENT;
    if (!(v->prot & PROT_EXEC))
        e |= PTE_NO_EXEC;
    if ((v->prot & PROT_WRITE) && write)
        e |= PTE_WRITE;
    return e;
}

int pt_create(struct mm *mm)
{
    int err = frame_alloc(mm->arena, &mm->root);
    if (!err)
        mm->tables = 1;
    return err;
}

void pt_destroy(struct mm *mm)
{
    assert(mm->tables == 1 && *used_of(mm, mm->root) == 0);
    frame_put(mm->arena, mm->root, 1);
}

pte_t *pt_find(struct mm *mm, uint64_t va)
{
    pfn_t table = mm->root;

    for (unsigned level = LEVELS - 1; level > 0; level--) {
        pte_t e = *slot_in(mm, table, level, va);
        if (!e)
            return NULL;
        table = pte_pfn(e);
    }
    return slot_in(mm, table, 0, va);
}

pte_t *pt_make(struct mm *mm, uint64_t va)
{
    pfn_t table = mm->root;

    for (unsigned level = LEVELS - 1; level > 0; level--) {
        pte_t *slot = slot_in(mm, table, level, va);
        if (!*slot) {
            pfn_t below;
            if (frame_alloc(mm->arena, &below))
                return NULL;
            *slot = below << PAGE_SHIFT | PTE_TABLE;
            ++*used_of(mm, table);
            mm->tables++;
        }
        table = pte_pfn(*slot);
    }
    return slot_in(mm, table, 0, va);
}

static inline uint64_t *rss_of(struct mm *mm, pte_t e)
{
    if (e & PTE_ANON)
        return &mm->rss_anon;
    bool ram = pte_pfn(e) < frames_of(mm->arena)->count;
    return ram && !(e & PTE_PATCHED) ? &mm->rss_shmem : &mm->rss_file;
}

void pt_set(struct mm *mm, uint64_t va, pte_t *slot, pte_t value)
{
    uintptr_t table = (uintptr_t)slot & ~(uintptr_t)PAGE_MASK;
    pfn_t pfn = (table - (uintptr_t)ram_of(mm->arena)->base) / PAGE_SIZE;
    pte_t was = *slot;

    (void)va;
    if (was)
        --*rss_of(mm, was);
    if (value)
        ++*rss_of(mm, value);
    if (!was != !value) {
        *used_of(mm, pfn) += value ? 1 : -1;
        mm->peak_rss = max(mm->peak_rss, mm->rss_anon + mm->rss_file + mm->rss_shmem);
    }
    /* One store: hardware may be walking. */
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

uint64_t pt_next(struct mm *mm, uint64_t va, uint64_t end)
{
    while (va < end) {
        pfn_t table = mm->root;
        unsigned level = LEVELS - 1;
        for (; level > 0; level--) {
            const pte_t *slot = slot_in(mm, table, level, va), *stop = table_at(mm, table) + 512;
            uint64_t size = (uint64_t)1 << shift_of(level);
            for (; slot < stop && !*slot; slot++)
                va = (va & ~(size - 1)) + size;
            if (slot == stop || va >= end)
                break; /* from the top again: `va` is where another table begins */
            table = pte_pfn(*slot);
        }
        if (level == 0)
            return va;
    }
    return end;
}

pte_t *pt_step(struct mm *mm, uint64_t *va, uint64_t end)
{
    while ((*va = pt_next(mm, *va, end)) < end) {
        uint64_t stop = min((*va & ~(LEAF_SIZE - 1)) + LEAF_SIZE, end);
        pte_t *slot = pt_find(mm, *va);
        for (; *va < stop; *va += PAGE_SIZE, slot++) {
            if (*slot)
                return slot;
        }
    }
    return NULL;
}

/* Frees tables below `table` that are empty and overlap the range. */
static void trim(struct mm *mm, pfn_t table, unsigned level, uint64_t start, uint64_t end,
                 struct batch *b) HOLDS(mm->lock);
static void trim(struct mm *mm, pfn_t table, unsigned level, uint64_t start, uint64_t end,
                 struct batch *b)
{
    uint64_t size = (uint64_t)1 << shift_of(level);

    for (uint64_t va = start & ~(size - 1); va < end; va += size) {
        pte_t *slot = slot_in(mm, table, level, va);
        if (!*slot)
            continue;
        pfn_t below = pte_pfn(*slot);
        if (level > 1)
            trim(mm, below, level - 1, max(va, start), min(va + size, end), b);
        if (*used_of(mm, below))
            continue;
        __atomic_store_n(slot, 0, __ATOMIC_RELEASE);
        --*used_of(mm, table);
        mm->tables--;
        batch_put(b, below, 1);
    }
}

void pt_trim(struct mm *mm, uint64_t start, uint64_t end, struct batch *b)
{
    trim(mm, mm->root, LEVELS - 1, start, end, b);
}
