/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc and prctl show of an address space. */
#include <string.h>

#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/vma.h"

/* fs/proc/task_mmu.c, get_vma_name(): the break and the stack are known by where they are. */
static const char *name_of(const struct mm *mm, const struct vma *v)
{
    if (v->name)
        return v->name;
    if (v->mappable)
        return v->path ? NULL : "/dev/zero (deleted)";
    if (v->start < mm->brk && v->end > mm->layout.start_brk)
        return "[heap]";
    if (v->start <= mm->layout.start_stack && v->end >= mm->layout.start_stack &&
        mm->layout.start_stack)
        return "[stack]";
    return NULL;
}

/* A frame is its leaf's: who shares the leaf shares that. */
static void count_page(struct mm *mm, const pte_t *slot, struct vma_info *out) HOLDS(mm->lock);
static void count_page(struct mm *mm, const pte_t *slot, struct vma_info *out)
{
    pte_t e = *slot;
    pfn_t pfn = pte_pfn(e);
    bool ram = frame_is_ram(mm->arena, pfn);
    uint32_t refs = ram ? frame_refs(mm->arena, pfn) : 1;

    if (pt_is_frozen(mm, slot))
        refs += pt_leaf_refs(mm, slot) - 1;
    out->rss += PAGE_SIZE;
    if (e & PTE_ANON) {
        out->anonymous += PAGE_SIZE;
        out->private_dirty += refs == 1 ? PAGE_SIZE : 0;
        out->pss += PAGE_SIZE / refs;
        return;
    }
    /* Of a file's page we know that its owner has it, and not who else maps it. */
    out->shared_clean += PAGE_SIZE;
    out->pss += ram && refs > 1 ? PAGE_SIZE / (refs - 1) : PAGE_SIZE;
}

static void describe(struct mm *mm, struct vma *v, bool count_pages, struct vma_info *out)
    HOLDS(mm->lock);
static void describe(struct mm *mm, struct vma *v, bool count_pages, struct vma_info *out)
{
    uint64_t va;
    pte_t *slot;

    *out = (struct vma_info){
        .start = v->start,
        .end = v->end,
        .off = v->mappable ? v->pgoff * PAGE_SIZE : 0,
        .prot = v->prot,
        .shared = v->flags & VMA_SHARED,
        .grows_down = v->flags & VMA_GROWS_DOWN,
        .locked = v->flags & VMA_LOCKED,
        .dont_fork = v->flags & VMA_DONT_FORK,
        .wipe_on_fork = v->flags & VMA_WIPE_ON_FORK,
        .may = (v->flags & VMA_MAY_READ ? PROT_READ : 0) |
               (v->flags & VMA_MAY_WRITE ? PROT_WRITE : 0) |
               (v->flags & VMA_MAY_EXEC ? PROT_EXEC : 0),
        .dont_dump = v->flags & VMA_DONT_DUMP,
        .no_reserve = v->flags & VMA_NO_RESERVE,
        .sequential = v->flags & VMA_SEQUENTIAL,
        .random = v->flags & VMA_RANDOM,
        .huge = v->flags & VMA_HUGE,
        .no_huge = v->flags & VMA_NO_HUGE,
        .path = v->path,
        .name = name_of(mm, v),
    };
    if (v->mappable) {
        out->dev = v->mappable->dev;
        out->ino = v->mappable->ino;
    }
    if (!count_pages)
        return;
    pt_for_each (mm, va, slot, v->start, v->end)
        count_page(mm, slot, out);
}

/* The first range that ends above `from`, with a reference of its path. False: there is none. */
static bool next_range(struct mm *mm, uint64_t from, bool count_pages, struct vma_info *out)
{
    mm_enter(mm);
    struct vma *v = vma_find(mm, from);
    while (v && (v->flags & VMA_HIDDEN))
        v = vma_next(v);
    if (v) {
        describe(mm, v, count_pages, out);
        if (out->path)
            out->path = mm->hooks->get(out->path);
    }
    mm_leave(mm);
    return v != NULL;
}

int mm_visit(struct mm *mm, uint64_t from, bool count_pages,
             int (*see)(const struct vma_info *v, void *arg), void *arg)
{
    struct vma_info info;
    int r = 0;

    for (; r == 0 && next_range(mm, from, count_pages, &info); from = info.end) {
        r = see(&info, arg);
        if (info.path)
            mm->hooks->put(info.path);
    }
    return r;
}

static void usage_locked(struct mm *mm, struct mm_usage *out) HOLDS(mm->lock);
static void usage_locked(struct mm *mm, struct mm_usage *out)
{
    uint64_t text = page_up(mm->layout.end_code) - page_down(mm->layout.start_code);

    text = min(text, mm->exec * PAGE_SIZE);
    *out = (struct mm_usage){
        .total = mm->total * PAGE_SIZE,
        .locked = mm->locked * PAGE_SIZE,
        .data = mm->data * PAGE_SIZE,
        .stack = mm->stack * PAGE_SIZE,
        .text = text,
        .lib = mm->exec * PAGE_SIZE - text,
        .page_tables = mm->tables * PAGE_SIZE,
        .rss_anon = mm->rss_anon * PAGE_SIZE,
        .rss_file = mm->rss_file * PAGE_SIZE,
        .rss_shmem = mm->rss_shmem * PAGE_SIZE,
        .peak_total = mm->peak_total * PAGE_SIZE,
        .peak_rss = mm->peak_rss * PAGE_SIZE,
    };
}

void mm_usage(struct mm *mm, struct mm_usage *out)
{
    mm_enter(mm);
    usage_locked(mm, out);
    mm_leave(mm);
}
