/* SPDX-License-Identifier: Apache-2.0 */
/* A few operations, in the order in which they were asked for. */
#include "sentry/mm/narrow.h"

#include <string.h>
#include <sys/mman.h>

#include "sentry/mm/fault.h"
#include "sentry/mm/late.h"

bool narrow_may(struct mm *mm)
{
    return platform_of(mm->arena)->ops->aspace_narrow && mm->aspace && !mm->unseen &&
           !mm->partial && ref_count(&mm->ref) == 1 && !fault_must_save(mm);
}

void narrow_try(struct batch *b)
{
    struct mm *mm = b->mm;
    const struct mem_op *op = &b->ops[0];

    mm_assert_entered(mm);
    if (b->nops != 1 || b->nruns > 0 || op->kind != MEM_PROTECT || (op->prot & ~PROT_READ) ||
        mm->narrow.count == NARROW_OPS || !narrow_may(mm) ||
        late_overlaps(mm, op->va, op->va + op->size))
        return;
    if (!platform_of(mm->arena)->ops->aspace_narrow(mm->aspace, op->va, op->size, op->prot))
        return;
    mm->narrow.ops[mm->narrow.count++] = *op;
    b->nops = 0;
}

void narrow_flush(struct mm *mm, struct batch *b)
{
    uint32_t n = mm->narrow.count;

    memmove(b->ops + n, b->ops, b->nops * sizeof b->ops[0]);
    for (uint32_t i = 0; i < n; i++) {
        b->ops[i] = mm->narrow.ops[i];
        if (mm->partial)
            b->ops[i].kind = MEM_UNMAP; /* it may not be mapped any more; a fault will show it */
    }
    b->nops += n;
    mm->narrow.count = 0;
}
