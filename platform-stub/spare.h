/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces that have ended and wait for their next life, with their agents and the stubs
 * that are parked there. To make those costs more than most programs of a build run for, and
 * to end them as much again: two processes, a filter, their page tables.
 *
 * Their memory is unmapped before the sentry takes the frames back, so a guest thread that only
 * seems to be parked has nothing any more to run. But it would still be there when the next
 * program comes, could run that as if it were its own, and has the word that says whose turn it
 * is. So what is left of a program goes to one of the same owner only (struct aspace_owner), whom
 * it could do the same with ptrace(2).
 */
#pragma once

#include "platform-stub/stubs.h"

/* Begins to unmap all, where it is likely to be kept. As struct platform_ops has it. */
void spare_empty(struct aspace *as);

/*
 * Empties an address space that nobody uses any more, and keeps it; but not where nobody owns it,
 * where there are enough, or where stubs of it are left that are not parked. None of them sees
 * memory of others in any case.
 *
 *   killed_run  such stubs count also when they have been killed, until they are waited for; else
 *               who is killed never runs again
 *   returns     what is to be destroyed: it, or another for which it was kept, or NULL
 */
must_use struct aspace *spare_put(struct aspace *as, bool killed_run);

/* One that `owner` has left. Errors: EAGAIN where there is none. */
must_use int spare_take(struct stubs *stubs, const struct aspace_owner *owner, struct aspace **out);

/* Takes one, to be destroyed; NULL where there is none. */
must_use struct aspace *spare_drop(struct stubs *stubs);

/* Who may have it when it has ended; NULL: nobody. */
void spare_own(struct aspace *as, const struct aspace_owner *owner);
