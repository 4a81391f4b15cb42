/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How pages come into a range: by a fault, or ahead of one. All of it happens under the
 * mm's lock; what has to ask a mappable drops it meanwhile, and says so.
 */
#pragma once

#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

#define WANT_FORCE 0x100u /* beside PROT_*: whatever the rights, as ptrace(2) does */

/* Anonymous memory and private copies are made in chunks of so many pages at least. */
#define CHUNK_PAGES 16u
#define CHUNK_BYTES (CHUNK_PAGES * PAGE_SIZE)

/* Is an entry all that somebody wants who has PROT_* bits in `want`, and maybe WANT_FORCE? */
bool fault_satisfied(pte_t e, unsigned want);
/*
 * Makes the page of `va` usable. Drops the lock and takes it again where it has to ask
 * a mappable.
 */
enum fault_result fault_locked(struct mm *mm, uint64_t va, unsigned want) HOLDS(mm->lock);
/* Takes back what was mapped ahead and never touched. False: that was not worth it. */
bool reclaim_untouched(struct mm *mm) HOLDS(mm->lock);
/* Is RAM so short that nothing should be made ahead of a fault? */
bool fault_must_save(struct mm *mm);

/* The lock was dropped and the world has changed: look again. */
#define FAULT_AGAIN ((enum fault_result) - 1)

/* Makes the missing anonymous pages of [start, end). Errors: ENOMEM. */
must_use int anon_fill(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) HOLDS(mm->lock);
/*
 * The same for a private anonymous range that a guest has just got, where that is so
 * small that it costs less than the faults would. Nothing is lost where it fails.
 */
void anon_fill_ahead(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
enum fault_result anon_fault(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);
/* A page that is there, and must become the range's own to be written. */
enum fault_result cow_fault(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);
/*
 * Gives [start, start + count pages) of a private range copies of `pfn` and the pages behind it.
 *
 *   returns   how many there are now; fewer where memory, or the file, ends
 */
uint64_t cow_copy(struct mm *mm, struct vma *v, uint64_t start, pfn_t pfn, uint64_t count,
                  struct batch *b) HOLDS(mm->lock);
/* A page of a mappable, or a private copy of one, that is not there. May give FAULT_AGAIN. */
enum fault_result filemap_fault(struct mm *mm, struct vma *v, uint64_t va, unsigned want)
    HOLDS(mm->lock);
/* After mmap(): maps what of a file costs nothing. Drops the lock meanwhile. */
void filemap_ahead(struct mm *mm, uint64_t start, uint64_t end, enum batch_wait wait)
    HOLDS(mm->lock);
/* mlock(2), MAP_POPULATE: faults all in. Errors: as Linux's __mm_populate; ENOMEM, EFAULT, EAGAIN.
 */
must_use int fault_all(struct mm *mm, uint64_t start, uint64_t end, unsigned want) HOLDS(mm->lock);
/* A stack's range grows down to `va`. False: it may not. */
bool stack_grow(struct mm *mm, struct vma *v, uint64_t va) HOLDS(mm->lock);
