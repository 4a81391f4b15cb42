/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites of guests that jump to the platform instead of trapping (include/patch.h).
 *
 * A site that traps often is replaced in a copy of its page, which takes the page's place
 * at once: other threads run the old code or the new, never half. Only clean pages of
 * privately mapped files are touched, so to undo it is to forget the copy.
 *
 *     page     a copy of a file's page, with its sites replaced: shared by all address
 *              spaces that map the page, and put in place when the next one maps it
 *     slot     one site in one address space, and its trampoline in the region
 *     detour   a thread whose rip is in a trampoline: everybody but the platform sees the
 *              registers as the original code would have them
 *
 * Who changes a page for itself (mprotect, ptrace) gets the original first. Who maps
 * something over the region has it, and no patches from then on.
 */
#pragma once

#include "include/platform.h"
#include "sentry/core/arena.h"

struct mm;

/*
 * Switches patching on, where the platform can do it. Once, before there is an mm.
 *
 *   errors    ENOMEM
 */
must_use int patch_create(struct arena *a);
void patch_destroy(struct arena *a);

/* Where a thread is to go on that seems to stand elsewhere. For the next run alone. */
struct patch_detour {
    uint64_t from, to; /* instead of `from`, `to`; 0: none */
    uint64_t gone;     /* it is none any more when this is not the mm's own */
};

/*
 * Looks at a thread that has just stopped: counts a trap, makes a patch where it is time,
 * and shows the registers as if there were none.
 *
 *   d         set, for patch_resumes()
 *   returns   true where the stop was ours, and the thread is to run on
 *   locks     none held; may take RANK_MM
 */
bool patch_stopped(struct mm *mm, struct guest_regs *regs, const struct guest_stop *stop,
                   struct patch_detour *d);
/* The same for a call whose registers are asked for later than it was made. */
void patch_shows(struct mm *mm, struct guest_regs *regs, struct patch_detour *d);
/* Whether such a call may return without: the code that made it is still there. */
bool patch_may_return(const struct mm *mm, const struct patch_detour *d);
/* The thread runs next: takes its detour. */
void patch_resumes(struct mm *mm, struct guest_regs *regs, struct patch_detour *d);

/*
 * Says whose program an address space runs, by kernel user id. What call sites a program
 * shows us is its own word: others get its pages only where they are the same user's, or
 * where it is root's.
 *
 *   uid       PATCH_ALONE: it changed hands, and nobody gets its pages, nor it others'
 */
#define PATCH_ALONE UINT32_MAX
void patch_set_owner(struct mm *mm, uint32_t uid);

/* This address space gets its original code back, for good: its guest does what we cannot share. */
void patch_off(struct mm *mm);

struct patch_stats {
    uint64_t sites;  /* replaced, each once for all who share it */
    uint64_t shared; /* put in place for a further address space */
    uint64_t traps;  /* calls that trapped */
    uint64_t mended; /* threads that stood in the middle of a site */
};
/* False where patching is off. */
bool patch_get_stats(struct arena *a, struct patch_stats *out);
