/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: the pages of the sandbox's RAM, and who counts them.
 *
 * RAM is one sparse memfd, mapped whole in the sentry. A frame that was never
 * touched costs the host nothing; one that is freed keeps its bytes until it is
 * used again (and zeroed then) or given back to the host in a batch.
 */
#pragma once

#include "sentry/core/arena.h"
#include "sentry/mm/mappable.h"

/*
 * Makes RAM, frames and windows. Once, at start.
 *
 *   size      bytes of RAM the guest may use: --mem
 *   errors    ENOMEM, and those of memfd_create(2)
 */
must_use int ram_create(struct arena *a, uint64_t size);
/*
 * The same for an arena that was attached: its frames are there, their bytes are not.
 *
 *   fd        a memfd that holds them from offset 0: taken
 *   errors    ENOMEM
 */
must_use int ram_attach(struct arena *a, int fd);
/* Nothing is given back to the host later any more: before timers_destroy(). */
void ram_settle(struct arena *a);
void ram_destroy(struct arena *a);
/* The memfd, borrowed: platform_options wants it. */
int ram_fd(struct arena *a);
uint64_t ram_total(struct arena *a); /* bytes that may be in use: what guests are told */
/*
 * Another limit, up to what there was at the start. What is in use above it stays in use.
 *
 *   size      bytes; 0: none
 *   returns   what it is now
 *   locks     takes RANK_FRAMES
 */
uint64_t ram_limit(struct arena *a, uint64_t size);
/* Bytes of frames that somebody holds a reference to, touched or not. */
uint64_t ram_used(struct arena *a);

/* One zeroed frame, with one reference. Errors: ENOMEM. Locks: takes RANK_FRAMES. */
must_use int frame_alloc(struct arena *a, pfn_t *out);
/*
 * Zeroed frames in a row, each with one reference: as many as there are of those asked for.
 *
 *   count     in: how many, at least one; out: how many were got
 *   errors    ENOMEM where there is none at all
 */
must_use int frame_alloc_run(struct arena *a, uint64_t *count, pfn_t *out);
/*
 * The same, from `near` on where that frame is free: what lies behind memory that a
 * caller has can then be mapped together with it.
 *
 *   zero      false: the frames hold anything, and the caller writes all of them
 */
must_use int frame_alloc_near(struct arena *a, pfn_t near, bool zero, uint64_t *count, pfn_t *out);

/* Pages of windows are not counted: these do nothing for them. Locks: put takes RANK_FRAMES. */
void frame_get(struct arena *a, pfn_t pfn, uint64_t count);
void frame_put(struct arena *a, pfn_t pfn, uint64_t count);
/*
 * The calling thread is about to give frames back, and until it says that it has, who finds none
 * waits for it. So it takes no lock meanwhile under which others ask for frames.
 */
void frames_expect(struct arena *a);
void frames_expect_no_more(struct arena *a);
/* References to one frame: 1 is the caller's own. */
uint32_t frame_refs(struct arena *a, pfn_t pfn);

/* Is it a page of RAM, not of a window? */
bool frame_is_ram(struct arena *a, pfn_t pfn);
/* Where the sentry sees a page of RAM. */
void *frame_ptr(struct arena *a, pfn_t pfn);

/* Do the free blocks agree with the table? For tests. */
must_use bool frames_check(struct arena *a);
