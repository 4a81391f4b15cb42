/* SPDX-License-Identifier: Apache-2.0 */
/* Words that futexes look at: read and changed as the guest's own instructions would. */
#include <errno.h>

#include "sentry/mm/copy.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/vma.h"

/* What a shared futex's word is named by: the file it lies in, or this mm. */
static int key_locked(struct mm *mm, uint64_t va, struct word_key *out) HOLDS(mm->lock);
static int key_locked(struct mm *mm, uint64_t va, struct word_key *out)
{
    if (fault_locked(mm, va, PROT_READ) != FAULT_DONE)
        return -EFAULT;
    const struct vma *v = vma_at(mm, va);
    /* kernel/futex/core.c, get_futex_key(): a page of its own is private, whatever was asked */
    const pte_t *slot = pt_find(mm, va);
    if (v && v->mappable && !(slot && (*slot & PTE_ANON))) {
        *out = (struct word_key){ (uintptr_t)v->mappable,
                                  vma_index(v, va) * PAGE_SIZE + (va & PAGE_MASK) };
        return 0;
    }
    *out = (struct word_key){ (uintptr_t)mm, va };
    return 0;
}

int mm_word_key(struct mm *mm, uptr_t at, bool shared, struct word_key *out)
{
    uint64_t end = mm_task_size(mm);

    if (at.va > end || end - at.va < sizeof(uint32_t))
        return -EFAULT;
    if (!shared) {
        *out = (struct word_key){ (uintptr_t)mm, at.va };
        return 0;
    }
    mm_enter(mm);
    int err = key_locked(mm, at.va, out);
    mm_leave(mm);
    return err;
}

/* Where we see an aligned word, with the rights that are wanted. */
static int reach_locked(struct mm *mm, uint64_t va, unsigned want, char **out) HOLDS(mm->lock);
static int reach_locked(struct mm *mm, uint64_t va, unsigned want, char **out)
{
    uint64_t n;
    pfn_t pfn;

    if (va & (sizeof(uint32_t) - 1))
        return -EFAULT;
    while ((n = copy_run(mm, va, sizeof(uint32_t), want, &pfn)) == 0) {
        if (fault_locked(mm, va, want) != FAULT_DONE)
            return -EFAULT;
    }
    if (pfn_ptr(mm->arena, pfn, out))
        return -EFAULT;
    *out += va & PAGE_MASK;
    return 0;
}

int word_load(struct mm *mm, uptr_t at, uint32_t *out)
{
    char *p = NULL;

    if (at.va >= mm_task_size(mm))
        return -EFAULT;
    mm_enter(mm);
    int err = reach_locked(mm, at.va, PROT_READ, &p);
    if (!err && mem_load32(p, out))
        err = -EFAULT;
    mm_leave(mm);
    return err;
}

int word_cmpxchg(struct mm *mm, uptr_t at, uint32_t *seen, uint32_t want)
{
    char *p = NULL;

    if (at.va >= mm_task_size(mm))
        return -EFAULT;
    mm_enter(mm);
    int err = reach_locked(mm, at.va, PROT_WRITE, &p);
    if (!err && mem_cmpxchg32(p, seen, want))
        err = -EFAULT;
    mm_leave(mm);
    return err;
}
