/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small ranges that a guest has given back, anonymous or of a file, while the platform has
 * not been told: its own thread takes the rights away (aspace_narrow), which needs no hand-over.
 * The next hand-over unmaps them. If the guest wants an anonymous range before that, it gets
 * the same frames, zeroed, at the same place, where the host still has them mapped.
 *
 * A thread of a hostile guest may keep its rights for as long: so the frames stay the
 * mm's, and nobody else's, until the platform has unmapped them.
 */
#pragma once

#include "sentry/mm/shadow.h"
#include "sentry/mm/vma.h"

/*
 * Takes all pages of [start, end) out of the table.
 *
 *   returns   false where the platform is to be told at once: nothing has happened
 */
must_use bool gone_put(struct mm *mm, uint64_t start, uint64_t end) HOLDS(mm->lock);
/*
 * Gives [start, end), a new part of `v` that is where one has gone, its frames back.
 *
 *   returns   false where there is none like it
 */
must_use bool gone_take(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, struct batch *b)
    HOLDS(mm->lock);
/* Moves all of them to a batch that is about to be sent: operations, and frames. */
void gone_flush(struct mm *mm, struct batch *b) HOLDS(mm->lock);
/* The same, where nothing is shown any more. */
void gone_drop(struct mm *mm) HOLDS(mm->lock);
