/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables as the processor walks them (SDM vol. 3, 4.5): four levels of 512
 * entries. How many entries of a page are in use stands in its frame's entry.
 */
#include "sentry/mm/pagetable.h"

#include <errno.h>
#include <string.h>

#include "sentry/mm/frame_table.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/patch_priv.h"
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

/* The leaf that an entry is in. */
static inline pfn_t leaf_of(struct mm *mm, const pte_t *slot)
{
    uintptr_t table = (uintptr_t)slot & ~(uintptr_t)PAGE_MASK;

    return (table - (uintptr_t)ram_of(mm->arena)->base) / PAGE_SIZE;
}

static inline bool is_frozen(struct mm *mm, pfn_t leaf)
{
    return frames_of(mm->arena)->table[leaf].bytes & FRAME_FROZEN;
}

/*
 * Who has a frozen leaf to himself may thaw it. Else he takes a copy, and a reference to each
 * frame: only then may the others find themselves alone.
 */
static int own_leaf(struct mm *mm, pte_t *slot) HOLDS(mm->lock);
static int own_leaf(struct mm *mm, pte_t *slot)
{
    struct arena *a = mm->arena;
    pfn_t was = pte_pfn(*slot), leaf;
    uint64_t one = 1;

    if (frame_refs(a, was) == 1) {
        frames_of(a)->table[was].bytes &= (uint8_t)~FRAME_FROZEN;
        return 0;
    }
    if (frame_alloc_near(a, PFN_NONE, false, &one, &leaf))
        return -ENOMEM;
    pte_t *to = table_at(mm, leaf);
    memcpy(to, table_at(mm, was), PAGE_SIZE);
    *used_of(mm, leaf) = *used_of(mm, was);
    for (unsigned i = 0; i < 512; i++) {
        if (to[i])
            frame_get(a, pte_pfn(to[i]), 1);
    }
    __atomic_store_n(slot, leaf << PAGE_SHIFT | PTE_TABLE, __ATOMIC_RELEASE);
    pt_leaf_put(a, was);
    return 0;
}

/* The entry of a leaf, in a table of the level above. NULL: there is no such table. */
static pte_t *leaf_slot(struct mm *mm, uint64_t va, pfn_t *in) HOLDS(mm->lock);
static pte_t *leaf_slot(struct mm *mm, uint64_t va, pfn_t *in)
{
    pfn_t table = mm->root;

    for (unsigned level = LEVELS - 1; level > 1; level--) {
        pte_t e = *slot_in(mm, table, level, va);
        if (!e)
            return NULL;
        table = pte_pfn(e);
    }
    *in = table;
    return slot_in(mm, table, 1, va);
}

pte_t *pt_find(struct mm *mm, uint64_t va)
{
    pfn_t table;
    const pte_t *leaf = leaf_slot(mm, va, &table);

    return leaf && *leaf ? slot_in(mm, pte_pfn(*leaf), 0, va) : NULL;
}

/* The same, and makes tables. NULL: no frame is left. */
static pte_t *make_leaf_slot(struct mm *mm, uint64_t va, pfn_t *in) HOLDS(mm->lock);
static pte_t *make_leaf_slot(struct mm *mm, uint64_t va, pfn_t *in)
{
    pfn_t table = mm->root;

    for (unsigned level = LEVELS - 1; level > 1; level--) {
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
    *in = table;
    return slot_in(mm, table, 1, va);
}

pte_t *pt_make(struct mm *mm, uint64_t va)
{
    pfn_t table, leaf;
    pte_t *slot = make_leaf_slot(mm, va, &table);

    if (!slot)
        return NULL;
    if (!*slot) {
        if (frame_alloc(mm->arena, &leaf))
            return NULL;
        *slot = leaf << PAGE_SHIFT | PTE_TABLE;
        ++*used_of(mm, table);
        mm->tables++;
    } else if (is_frozen(mm, pte_pfn(*slot)) && own_leaf(mm, slot)) {
        return NULL;
    }
    return slot_in(mm, pte_pfn(*slot), 0, va);
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
    pfn_t leaf = leaf_of(mm, slot);
    pte_t was = *slot;

    assert(!is_frozen(mm, leaf));
    if (was)
        --*rss_of(mm, was);
    if (value)
        ++*rss_of(mm, value);
    if (!was != !value) {
        *used_of(mm, leaf) += value ? 1 : -1;
        mm->peak_rss = max(mm->peak_rss, mm->rss_anon + mm->rss_file + mm->rss_shmem);
    }
    /* One store: hardware may be walking. */
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (unlikely(was & ~value & PTE_PATCHED))
        patch_page_gone(mm, va);
}

void pt_set_run(struct mm *mm, pte_t *slot, pte_t first, uint64_t count)
{
    pfn_t leaf = leaf_of(mm, slot);

    assert(!is_frozen(mm, leaf));
    *rss_of(mm, first) += count;
    *used_of(mm, leaf) += (uint16_t)count;
    mm->peak_rss = max(mm->peak_rss, mm->rss_anon + mm->rss_file + mm->rss_shmem);
    for (uint64_t i = 0; i < count; i++) {
        assert_slow(!slot[i]);
        __atomic_store_n(&slot[i], first + (i << PAGE_SHIFT), __ATOMIC_RELEASE);
    }
}

uint64_t pt_clear_run(struct mm *mm, uint64_t va, pte_t *slot, uint64_t most)
{
    pfn_t leaf = leaf_of(mm, slot);
    pte_t first = *slot;
    uint64_t n = 0;

    assert(first && !is_frozen(mm, leaf));
    for (; n < most && slot[n] == first + (n << PAGE_SHIFT); n++)
        __atomic_store_n(&slot[n], 0, __ATOMIC_RELEASE);
    *rss_of(mm, first) -= n;
    *used_of(mm, leaf) -= (uint16_t)n;
    for (uint64_t i = 0; unlikely(first & PTE_PATCHED) && i < n; i++)
        patch_page_gone(mm, va + i * PAGE_SIZE);
    return n;
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

/* ---- leaves that forks share ---- */

bool pt_is_frozen(struct mm *mm, const pte_t *slot)
{
    return is_frozen(mm, leaf_of(mm, slot));
}

uint32_t pt_leaf_refs(struct mm *mm, const pte_t *slot)
{
    return frame_refs(mm->arena, leaf_of(mm, slot));
}

int pt_own(struct mm *mm, uint64_t start, uint64_t end)
{
    int err = 0;

    for (uint64_t va = start; !err && (va = pt_next(mm, va, end)) < end;
         va = (va & ~(LEAF_SIZE - 1)) + LEAF_SIZE) {
        pfn_t table;
        pte_t *slot = leaf_slot(mm, va, &table);
        if (is_frozen(mm, pte_pfn(*slot)))
            err = own_leaf(mm, slot);
    }
    return err;
}

int pt_own_ends(struct mm *mm, uint64_t start, uint64_t end)
{
    int err = 0;

    if (start & (LEAF_SIZE - 1))
        err = pt_own(mm, start, min(end, start + PAGE_SIZE));
    if (!err && (end & (LEAF_SIZE - 1)))
        err = pt_own(mm, max(start, end - PAGE_SIZE), end);
    return err;
}

bool pt_freeze(struct mm *mm, uint64_t va)
{
    const pte_t *slot = pt_find(mm, va & ~(LEAF_SIZE - 1));

    if (pt_is_frozen(mm, slot))
        return true;
    for (unsigned i = 0; i < 512; i++) {
        if (slot[i] && (slot[i] & (PTE_ANON | PTE_COW)) != (PTE_ANON | PTE_COW))
            return false;
    }
    frames_of(mm->arena)->table[leaf_of(mm, slot)].bytes |= FRAME_FROZEN;
    return true;
}

int pt_share(struct mm *to, struct mm *mm, uint64_t va)
{
    pfn_t from, table;
    const pte_t *leaf = leaf_slot(mm, va, &from);
    pte_t *slot = make_leaf_slot(to, va, &table);

    if (!slot)
        return -ENOMEM;
    assert(leaf && is_frozen(mm, pte_pfn(*leaf)) && !*slot);
    frame_get(mm->arena, pte_pfn(*leaf), 1);
    *slot = *leaf;
    ++*used_of(to, table);
    to->tables++;
    to->rss_anon += *used_of(mm, pte_pfn(*leaf));
    to->peak_rss = max(to->peak_rss, to->rss_anon + to->rss_file + to->rss_shmem);
    return 0;
}

void pt_drop(struct mm *mm, uint64_t va, struct batch *b)
{
    pfn_t table;
    pte_t *slot = leaf_slot(mm, va, &table);
    pfn_t leaf = pte_pfn(*slot);

    assert(is_frozen(mm, leaf));
    __atomic_store_n(slot, 0, __ATOMIC_RELEASE);
    --*used_of(mm, table);
    mm->tables--;
    mm->rss_anon -= *used_of(mm, leaf);
    batch_put_leaf(b, leaf);
}

void pt_leaf_put(struct arena *a, pfn_t leaf)
{
    struct frame *f = &frames_of(a)->table[leaf];
    const pte_t *slot = (const pte_t *)frame_ptr(a, leaf);
    uint32_t refs = atomic_load_explicit(&f->refs, memory_order_acquire);

    while (refs > 1) {
        if (atomic_compare_exchange_weak_explicit(&f->refs, &refs, refs - 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return;
    }
    for (uint64_t i = 0, n; i < 512; i += n) {
        n = 1;
        if (!slot[i])
            continue;
        while (i + n < 512 && slot[i + n] && pte_pfn(slot[i + n]) == pte_pfn(slot[i]) + n)
            n++;
        frame_put(a, pte_pfn(slot[i]), n);
    }
    f->used = 0;
    f->bytes &= (uint8_t)~FRAME_FROZEN;
    frame_put(a, leaf, 1);
}
