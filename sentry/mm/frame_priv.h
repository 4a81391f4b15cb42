/* SPDX-License-Identifier: Apache-2.0 */
/* What frames and windows show to the rest of mm. */
#pragma once

#include "include/uptr.h"
#include "sentry/mm/frame.h"
#include "sentry/mm/window.h"

/* Gives up the only references to frames that nobody ever wrote to: they are zero still. */
void frame_put_untouched(struct arena *a, pfn_t pfn, uint64_t count);

/* Has the host a page for each of these frames of the caller's, as far as is known without asking?
 */
bool frames_are_there(struct arena *a, pfn_t pfn, uint64_t count);
/* It has now. */
void frames_set_there(struct arena *a, pfn_t pfn, uint64_t count);
/* Zeroes frames of the caller's alone, those that the host has. */
void frames_zero(struct arena *a, pfn_t pfn, uint64_t count);

/*
 * The first page in [pfn, end) that the host has (`data`), or has not: a page that was
 * never touched. `end` where there is none.
 */
pfn_t ram_find(struct arena *a, pfn_t pfn, pfn_t end, bool data);

must_use int windows_create(struct arena *a);
void windows_destroy(struct arena *a);

/*
 * Which bytes of which of the platform's files a page is.
 *
 *   run       pages from it on that lie in the same file, contiguously
 */
struct backing {
    uint32_t file;
    uint64_t off;
    uint64_t run;
};
void pfn_backing(struct arena *a, pfn_t pfn, struct backing *out);

/*
 * Where the sentry sees a page, for reading; and for writing where a window is
 * writable. The pages that follow it in its run lie behind it.
 *
 *   errors    ENOMEM where a window cannot be mapped
 */
must_use int pfn_ptr(struct arena *a, pfn_t pfn, char **out);

/* Keeps a page in place while no mm lock is held: a frame, or its window. */
void pfn_pin(struct arena *a, pfn_t pfn, uint64_t count);
void pfn_unpin(struct arena *a, pfn_t pfn, uint64_t count);
