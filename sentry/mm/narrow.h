/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges whose rights a guest has given up, while the platform has not been told: its own
 * thread does it (aspace_narrow), which needs no hand-over. A loader does that with the tables of
 * each object that it has linked.
 *
 * A thread of a hostile guest may keep its rights, until the next hand-over makes sure. So
 * there is one before a fork, which would share such pages: shadow_catch_up().
 */
#pragma once

#include "sentry/mm/shadow.h"

/* Whether rights may be given up in this way now: one thread, and nothing to be kept of pages. */
must_use bool narrow_may(struct mm *mm) HOLDS(mm->lock);
/*
 * Has the guest's thread do what a batch is for, where that is one range that may be read at
 * most from now on. Nothing is left to be sent then.
 */
void narrow_try(struct batch *b);
/* Moves all of them to a batch that is about to be sent, before what it has. */
void narrow_flush(struct mm *mm, struct batch *b) HOLDS(mm->lock);
