/* SPDX-License-Identifier: Apache-2.0 */
/* How ranges and pages go, and lose their rights. */
#pragma once

#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

/* Takes vmas and pages of a range away; cuts were made, and no frozen leaf is only in part in it.
 */
void unmap_range(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Takes pages alone away. `cow_too`: those of the range's own as well. */
void unmap_pages(struct mm *mm, uint64_t start, uint64_t end, bool cow_too, struct batch *b)
    HOLDS(mm->lock);
/* mm_unmap() after its checks. */
must_use int unmap_locked(struct mm *mm, uint64_t start, uint64_t len) HOLDS(mm->lock);
/* The same as part of a batch: until that has ended, a guest may still see what was there. */
must_use int unmap_in_batch(struct mm *mm, uint64_t start, uint64_t len, struct batch *b)
    HOLDS(mm->lock);
/* Makes the entries of a vma say what it allows now. */
void protect_pages(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
