/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a fault to a page, and the reasons why not.
 *
 * A platform may not know what access was tried. Then we guess by what is missing,
 * and where nothing is, the guest gets the page shown once more; if the same thread
 * comes back with the same fault, it tried what the range does not allow.
 */
#include "sentry/mm/fault.h"

#include <errno.h>

#include "sentry/mm/late.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define GUESS_WRITE_MAX \
    ((uint64_t)1 << 20) /* private file ranges up to here are taken to be data */

bool fault_must_save(struct mm *mm)
{
    uint64_t total = ram_total(mm->arena);

    return ram_used(mm->arena) > total - total / 16;
}

bool fault_satisfied(pte_t e, unsigned want)
{
    if (want & WANT_FORCE)
        return e && (!(want & PROT_WRITE) || (e & PTE_WRITE) || ((e & PTE_ANON) && !(e & PTE_COW)));
    return (e & PTE_PRESENT) && (!(want & PROT_WRITE) || (e & PTE_WRITE)) &&
           (!(want & PROT_EXEC) || !(e & PTE_NO_EXEC));
}

static bool is_allowed(const struct vma *v, unsigned want)
{
    if (want & WANT_FORCE) {
        /* mm/gup.c, check_vma_flags(): what ptrace writes must not reach a file */
        if ((want & PROT_WRITE) && !(v->prot & PROT_WRITE))
            return !(v->flags & VMA_SHARED) && (v->flags & VMA_MAY_WRITE);
        return v->prot || (v->flags & VMA_MAY_READ);
    }
    if ((want & PROT_WRITE) && !(v->prot & PROT_WRITE))
        return false;
    if ((want & PROT_EXEC) && !(v->prot & PROT_EXEC))
        return false;
    return v->prot & RWX; /* each of them lets one read, on this processor */
}

static struct vma *vma_for(struct mm *mm, uint64_t va) HOLDS(mm->lock);
static struct vma *vma_for(struct mm *mm, uint64_t va)
{
    struct vma *v = vma_find(mm, va);

    if (!v || v->start <= va)
        return v;
    return (v->flags & VMA_GROWS_DOWN) && stack_grow(mm, v, va) ? v : NULL;
}

static pte_t entry(struct mm *mm, uint64_t va) HOLDS(mm->lock);
static pte_t entry(struct mm *mm, uint64_t va)
{
    const pte_t *slot = pt_find(mm, va);

    return slot ? *slot : 0;
}

static enum fault_result try_fault(struct mm *mm, uint64_t va, unsigned want) HOLDS(mm->lock);
static enum fault_result try_fault(struct mm *mm, uint64_t va, unsigned want)
{
    struct vma *v = vma_for(mm, va);
    if (!v)
        return FAULT_MAPERR;
    if (!is_allowed(v, want))
        return FAULT_ACCERR;
    pte_t e = entry(mm, va);
    if (e && fault_satisfied(e, want))
        return FAULT_DONE;
    if (!e)
        return v->mappable ? filemap_fault(mm, v, va, want) : anon_fault(mm, v, va);
    if (v->flags & VMA_SHARED)
        return filemap_fault(mm, v, va, want);
    return want & PROT_WRITE ? cow_fault(mm, v, va) : FAULT_DONE;
}

enum fault_result fault_locked(struct mm *mm, uint64_t va, unsigned want)
{
    enum fault_result r;

    va = page_down(va);
    if (va >= mm_task_size(mm))
        return FAULT_MAPERR;
    do {
        r = try_fault(mm, va, want);
    } while (r == FAULT_AGAIN);
    if (r != FAULT_OOM || !reclaim_untouched(mm))
        return r;
    do {
        r = try_fault(mm, va, want);
    } while (r == FAULT_AGAIN);
    return r;
}

/* What was probably wanted. */
static unsigned guess(const struct vma *v, pte_t e)
{
    if (!(v->prot & PROT_WRITE))
        return v->prot & PROT_EXEC ? PROT_EXEC : PROT_READ;
    if (!e && v->mappable && !(v->flags & VMA_SHARED) && v->end - v->start > GUESS_WRITE_MAX)
        return PROT_READ;
    return PROT_WRITE;
}

/*
 * A fault on a page that is all right: another thread was quicker, the shadow lacks it,
 * or the access is one that the range does not allow.
 *
 *   sure      the platform has said what was tried
 */
static enum fault_result no_reason(struct mm *mm, struct vma *v, uint64_t addr, bool sure,
                                   uint64_t sp) HOLDS(mm->lock);
static enum fault_result no_reason(struct mm *mm, struct vma *v, uint64_t addr, bool sure,
                                   uint64_t sp)
{
    uint64_t leaf = addr & ~(LEAF_SIZE - 1);
    struct strike now = { addr, sp, mm->gen };

    if (!sure && mm->strike.addr == now.addr && mm->strike.sp == now.sp &&
        mm->strike.gen == now.gen) {
        mm->strike.addr = 0;
        return FAULT_ACCERR;
    }
    mm->strike = now;
    if (mm->partial)
        shadow_refill(mm, max(leaf, v->start), min(leaf + LEAF_SIZE, v->end));
    else
        shadow_refill(mm, page_down(addr), page_down(addr) + PAGE_SIZE);
    return FAULT_DONE;
}

static enum fault_result guest_fault(struct mm *mm, uint64_t addr, unsigned access, uint64_t sp)
    HOLDS(mm->lock);
static enum fault_result guest_fault(struct mm *mm, uint64_t addr, unsigned access, uint64_t sp)
{
    uint64_t va = page_down(addr);
    if (va >= mm_task_size(mm))
        return FAULT_MAPERR;
    struct vma *v = vma_for(mm, va);
    if (!v)
        return FAULT_MAPERR;
    if (late_has(mm, va)) {
        late_touched(mm, va);
        shadow_catch_up(mm);
        return FAULT_DONE; /* where that was not all, it comes back */
    }
    pte_t e = entry(mm, va);
    unsigned want = access ? access : guess(v, e);
    if (is_allowed(v, want) && e && fault_satisfied(e, want))
        return no_reason(mm, v, addr, access != 0, sp);
    enum fault_result r = fault_locked(mm, va, want);
    /* Another thread that was late for this page has not tried something forbidden. */
    if (r == FAULT_DONE && page_down(mm->strike.addr) == va)
        mm->strike.addr = 0;
    return r;
}

enum fault_result mm_fault(struct mm *mm, uptr_t addr, unsigned access, uptr_t sp)
{
    tally_add(&platform_tally(mm->arena)->faults, 1);
    mm_enter(mm);
    enum fault_result r = guest_fault(mm, addr.va, access & RWX, sp.va);
    mm_leave(mm);
    return r;
}

int fault_all(struct mm *mm, uint64_t start, uint64_t end, unsigned want)
{
    uint64_t filled = start; /* what is missing before it was made at once */

    for (uint64_t va = start; va < end; va += PAGE_SIZE) {
        struct vma *v = vma_at(mm, va);
        if (!v)
            return -ENOMEM;
        unsigned need = want ? want : guess(v, 0) & ~(unsigned)PROT_EXEC;
        if (!need)
            need = PROT_READ;
        if (!v->mappable && is_allowed(v, need) && va >= filled) {
            filled = min(end, v->end);
            if (anon_fill(mm, v, va, filled))
                return -ENOMEM;
        }
        switch (fault_locked(mm, va, need)) {
        case FAULT_DONE:
            break;
        case FAULT_OOM:
        case FAULT_MAPERR:
            return -ENOMEM;
        default:
            return -EFAULT;
        }
    }
    return 0;
}
