/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The region of trampolines in an address space: a range of its own that the guest does
 * not see in maps, with pages only where a slot is in use.
 *
 * A page is written only where no thread can be: a slot's bytes before anything leads to it.
 */
#include <errno.h>
#include <string.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/unmap.h"

static struct vma *region(struct mm *mm) HOLDS(mm->lock);
static struct vma *region(struct mm *mm)
{
    struct vma *v = vma_at(mm, patch_ops_of(mm)->start);

    return v && (v->flags & VMA_HIDDEN) ? v : NULL;
}

bool patch_region_make(struct mm *mm)
{
    const struct patch_ops *ops = patch_ops_of(mm);
    struct vma *v = vma_find(mm, ops->start);
    struct vma like = {
        .start = ops->start,
        .end = ops->start + ops->size,
        .prot = PROT_READ | PROT_EXEC,
        .flags = VMA_MAY_READ | VMA_MAY_EXEC | VMA_SPECIAL | VMA_DONT_DUMP | VMA_HIDDEN,
        .pgoff = ops->start / PAGE_SIZE,
        .mm = mm,
        .name = "[patch]",
    };

    if (v && (v->flags & VMA_HIDDEN))
        return true;
    if (v && vma_low(v) < like.end) {
        atomic_store(&mm->patches->off, true);
        atomic_store(&mm->patches->lost, true);
        return false;
    }
    if (mm->nvmas >= VMAS_MAX || vma_clone(mm, &like, &v))
        return false;
    vma_insert(mm, v);
    return true;
}

/* The page of the region at `va`, to be written. */
static int page_of(struct mm *mm, uint64_t va, struct batch *b, char **out) HOLDS(mm->lock);
static int page_of(struct mm *mm, uint64_t va, struct batch *b, char **out)
{
    struct vma *v = region(mm);
    pte_t *slot = pt_make(mm, va);
    pfn_t pfn;

    if (!v || !slot)
        return -ENOMEM;
    pte_t was = *slot;
    if (was && (!(was & PTE_COW) || frame_refs(mm->arena, pte_pfn(was)) == 1)) {
        pt_set(mm, va, slot, pte_make(v, pte_pfn(was), PTE_ANON));
        *out = frame_ptr(mm->arena, pte_pfn(was));
        return 0;
    }
    int err = frame_alloc(mm->arena, &pfn);
    if (err)
        return err;
    if (was) {
        memcpy(frame_ptr(mm->arena, pfn), frame_ptr(mm->arena, pte_pfn(was)), PAGE_SIZE);
        b->wait = BATCH_NOW; /* the old one is seen */
        batch_put(b, pte_pfn(was), 1);
    }
    pt_set(mm, va, slot, pte_make(v, pfn, PTE_ANON));
    batch_map(b, va, *slot, 1);
    *out = frame_ptr(mm->arena, pfn);
    return 0;
}

int patch_region_write(struct mm *mm, unsigned n, struct batch *b)
{
    const struct patch_slot *s = patch_slot(mm->patches, n);
    struct patch_code code[PATCH_CODES];

    patch_ops_of(mm)->trampoline(&s->site, n, s->va, code);
    for (unsigned i = 0; i < PATCH_CODES; i++) {
        char *page;
        int err = page_of(mm, page_down(code[i].at), b, &page);
        if (err)
            return err;
        memcpy(page + (code[i].at & PAGE_MASK), code[i].bytes, code[i].size);
    }
    return 0;
}

void patch_restore(struct mm *mm, uint64_t start, uint64_t end, struct batch *b)
{
    uint64_t va;
    pte_t *slot;

    if (!mm->patches)
        return;
    pt_for_each (mm, va, slot, start, end) {
        if (!(*slot & PTE_PATCHED))
            continue;
        pfn_t pfn = pte_pfn(*slot);
        pt_set(mm, va, slot, 0);
        batch_unmap(b, va, PAGE_SIZE);
        batch_put(b, pfn, 1);
    }
}

void patch_region_leave(struct mm *mm)
{
    const struct patch_slot *s;
    struct batch b;

    if (atomic_exchange(&mm->patches->off, true))
        return;
    batch_begin(&b, mm);
    for (unsigned n = 0; (s = patch_slot_next(mm, &n)); n++) {
        if (s->live)
            patch_restore(mm, page_down(s->va), page_down(s->va) + PAGE_SIZE, &b);
    }
    batch_end(&b);
}

void patch_region_drop(struct mm *mm)
{
    struct vma *v = region(mm);

    patch_region_leave(mm);
    atomic_store(&mm->patches->lost, true);
    if (v)
        unmap_range(mm, v->start, v->end);
}

void patch_yield(struct mm *mm, uint64_t start, uint64_t len)
{
    if (!patch_has_region(mm))
        return;
    const struct patch_ops *ops = patch_ops_of(mm);
    if (start < ops->start + ops->size && len > 0 && start + len > ops->start)
        patch_region_drop(mm);
}
