/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of memory start from: an arena, RAM, a platform that is a fake, and one mm. */
#pragma once

#include "fake_platform.h"
#include "sentry/core/platform_ref.h"
#include "sentry/core/rng.h"
#include "sentry/mm/mm.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

struct mm_world {
    struct arena *arena;
    struct platform_ref platform;
    struct rng rng;
    struct limits limits;
    struct mm *mm;
};

/* RAM of `ram` bytes. Ends the test where something fails. */
void mm_world_start(struct mm_world *w, uint64_t ram);
/* Everything must be gone but the mm: asserts that no frame, window or object is left. */
void mm_world_stop(struct mm_world *w);

/* mmap() of anonymous memory; the address, or -errno. */
int64_t mm_world_map(struct mm_world *w, struct mm *mm, uint64_t at, uint64_t len, int prot,
                     int flags);

/*
 * What a guest does: reads or writes, and faults where it has to.
 *
 *   returns   FAULT_DONE, or what became of the fault
 */
enum fault_result mm_world_read(struct mm *mm, uint64_t va, void *buf, size_t size);
enum fault_result mm_world_write(struct mm *mm, uint64_t va, const void *buf, size_t size);

/* Does the platform show what the page table says, no more and, unless `partial`, no less? */
bool mm_world_agrees(struct mm *mm, bool partial);
