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

/*
 * Keeps an address space that nobody uses any more, empty. False where it is to be destroyed:
 * nobody owns it, stubs of it still run or have not been waited for, or there are enough.
 */
must_use bool spare_keep(struct aspace *as);

/* One that `owner` has left. Errors: EAGAIN where there is none. */
must_use int spare_take(struct stubs *stubs, const struct aspace_owner *owner, struct aspace **out);

/* The oldest, which is to be destroyed, where there are too many or `all` are to go. Or NULL. */
must_use struct aspace *spare_drop(struct stubs *stubs, bool all);

/* Who may have it when it has ended; NULL: nobody. */
void spare_own(struct aspace *as, const struct aspace_owner *owner);
