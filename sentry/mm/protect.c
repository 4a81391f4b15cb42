/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2). */
#include <errno.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/narrow.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

#ifndef PROT_SEM
#define PROT_SEM 0x8
#endif
#define PROT_RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PROT_RUN 0x100 /* ours: PROT_EXEC where the vma may have that */

void protect_pages(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)

{
    uint64_t va;
    pte_t *slot;

    if ((v->prot & PROT_WRITE) || !(v->prot & PROT_EXEC))
        patch_restore(mm, start, end, b);
    pt_for_each (mm, va, slot, start, end) {
        pte_t e =
            pte_make(v, pte_pfn(*slot), *slot & (PTE_ANON | PTE_COW | PTE_MAY_WRITE | PTE_PATCHED));
        if (e == *slot)
            continue;
        pt_set(mm, va, slot, e);
        batch_protect(b, va, PAGE_SIZE, pte_prot(e));
    }
}

static bool may(const struct vma *v, int prot)
{
    return (!(prot & PROT_READ) || (v->flags & VMA_MAY_READ)) &&
           (!(prot & PROT_WRITE) || (v->flags & VMA_MAY_WRITE)) &&
           (!(prot & PROT_EXEC) || (v->flags & VMA_MAY_EXEC));
}

/* The part of one vma that lies in [start, end). */
static int protect_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int prot,
                        struct batch *b) HOLDS(mm->lock);
static int protect_part(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int prot,
                        struct batch *b)
{
    if (prot & PROT_RUN)
        prot = (prot & PROT_RWX) | (v->flags & VMA_MAY_EXEC ? PROT_EXEC : 0);
    if (!may(v, prot))
        return -EACCES;
    if (v->prot == prot)
        return 0;
    uint64_t from = max(start, v->start), to = min(end, v->end);
    bool becomes_own = (prot & PROT_WRITE) && !(v->prot & PROT_WRITE) && !(v->flags & VMA_SHARED);
    int err = 0;
    if (becomes_own)
        err = quota_own(mm, (to - from) / PAGE_SIZE, v->flags);
    if (!err && (v->start < start || v->end > end) && mm->nvmas >= VMAS_MAX)
        err = -ENOMEM;
    if (!err)
        err = pt_own(mm, from, to);
    if (!err)
        err = vma_cut(mm, from, to);
    if (err)
        return err;
    v = vma_at(mm, from);
    bool was_none = v->prot == PROT_NONE;
    vma_change(mm, v, prot, v->flags);
    protect_pages(mm, v, v->start, v->end, b);
    /* How malloc() and thread libraries take memory into use that they had reserved. */
    if (was_none && (prot & PROT_WRITE))
        anon_fill_ahead(mm, v, from, to, b);
    vma_merge(mm, v);
    return 0;
}

static int protect_locked(struct mm *mm, uint64_t start, uint64_t end, int prot, int grows)
    HOLDS(mm->lock);
static int protect_locked(struct mm *mm, uint64_t start, uint64_t end, int prot, int grows)

{
    struct vma *v = vma_find(mm, start);
    struct batch b;
    int err = 0;

    if (!v || v->start >= end)
        return -ENOMEM;
    if (grows & PROT_GROWSDOWN) {
        if (!(v->flags & VMA_GROWS_DOWN))
            return -EINVAL;
        start = v->start;
    }
    batch_begin(&b, mm);
    while (!err && start < end) {
        v = vma_at(mm, start);
        if (!v) {
            err = -ENOMEM; /* what came before the hole is done, as in Linux */
            break;
        }
        uint64_t stop = min(end, v->end);
        err = protect_part(mm, v, start, end, prot, &b);
        start = stop;
    }
    narrow_try(&b);
    batch_end(&b);
    return err;
}

/* `more` is of our own making: PROT_RUN, or 0. */
static int protect(struct mm *mm, uptr_t at, uint64_t len, int prot, int more)
{
    int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    uint64_t end;

    prot &= ~grows;
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (at.va & PAGE_MASK))
        return -EINVAL;
    if (len == 0)
        return 0;
    len = page_up(len);
    end = at.va + len;
    if (end <= at.va)
        return -ENOMEM;
    if (prot & ~(PROT_RWX | PROT_SEM))
        return -EINVAL;
    /* There are no vmas that grow up on this architecture. */
    if (grows & PROT_GROWSUP)
        return -EINVAL;
    mm_enter(mm);
    patch_yield(mm, at.va, len);
    int err = protect_locked(mm, at.va, end, (prot & PROT_RWX) | more, grows);
    assert_slow(vma_check_often(mm));
    mm_leave(mm);
    return err;
}

int mm_protect(struct mm *mm, uptr_t at, uint64_t len, int prot)
{
    return protect(mm, at, len, prot, 0);
}

int mm_protect_run(struct mm *mm, uptr_t at, uint64_t len, int prot)
{
    return protect(mm, at, len, prot, PROT_RUN);
}
