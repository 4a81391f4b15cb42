/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the platform is told of late: it is in the table, and nobody has touched
 * it yet. The next hand-over takes it along, or a fault asks for it; what is unmapped
 * before that has cost none.
 *
 *     late ⊆ table      a page that leaves the table leaves here, too
 *     late ∩ shadow = ∅
 */
#pragma once

#include "sentry/mm/mm_priv.h"

/* Is the page waiting? */
bool late_has(const struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* Is any page of [start, end)? */
bool late_overlaps(const struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/*
 * Keeps operations instead of sending them: mappings of pages that the platform does not
 * show.
 *
 *   guess     they wait only because their like was never touched
 *   returns   false where one is no mapping, or there is no room: nothing is kept
 */
must_use bool late_keep(struct mm *mm, const struct mem_op *ops, uint32_t n, bool guess)
    HOLDS(mm->lock);
/* Forgets what is waiting in [start, end): it has been replaced, or unmapped. */
void late_cut(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/* Gives all that is waiting, at most LATE_OPS, and forgets it. */
uint32_t late_take(struct mm *mm, struct mem_op *out) HOLDS(mm->lock);

/*
 * Whether a small anonymous range had better wait. Most are touched at once, and then a
 * fault more is what waiting costs; so a range waits only now and then, to see what
 * becomes of it, or where the ones before were given back untouched.
 */
bool late_is_worth_it(struct mm *mm) HOLDS(mm->lock);
/* A fault asked for a page that was waiting. */
void late_touched(struct mm *mm, uint64_t va) HOLDS(mm->lock);
/* [start, end) was unmapped, and all of it was waiting. */
void late_untouched(struct mm *mm, uint64_t start) HOLDS(mm->lock);
