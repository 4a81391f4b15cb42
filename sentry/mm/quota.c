/* SPDX-License-Identifier: Apache-2.0 */
/* What an address space may grow to. */
#include <errno.h>

#include "sentry/mm/mm_priv.h"
#include "sentry/mm/vma.h"

static bool passes(uint64_t have, uint64_t more, uint64_t limit)
{
    uint64_t sum;

    if (limit == LIMIT_INFINITY)
        return true;
    return !__builtin_add_overflow(have, more, &sum) && sum <= limit / PAGE_SIZE;
}

int quota_own(struct mm *mm, uint64_t pages, uint32_t flags)
{
    if (!(flags & VMA_GROWS_DOWN) && !passes(mm->data, pages, limit_soft(mm->limits, RLIMIT_DATA)))
        return -ENOMEM;
    /* vm.overcommit_memory 0: what could never fit is refused (mm/util.c, __vm_enough_memory()) */
    if (!(flags & VMA_NO_RESERVE) && pages > ram_total(mm->arena) / PAGE_SIZE)
        return -ENOMEM;
    return 0;
}

int quota_grow(struct mm *mm, uint64_t pages, int prot, uint32_t flags)
{
    if (!passes(mm->total, pages, limit_soft(mm->limits, RLIMIT_AS)))
        return -ENOMEM;
    if ((prot & PROT_WRITE) && !(flags & VMA_SHARED))
        return quota_own(mm, pages, flags);
    return 0;
}

bool quota_lock(struct mm *mm, uint64_t pages)
{
    return atomic_load_explicit(&mm->may_lock, memory_order_relaxed) ||
           passes(mm->locked, pages, limit_soft(mm->limits, RLIMIT_MEMLOCK));
}
