/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves of bytes that survive a host page that is not there: a file of a window was
 * cut short, or the host has no memory for a page of RAM. Then the host sends SIGBUS,
 * and a handler makes the move return early.
 */
#pragma once

#include <sys/types.h>

#include "sentry/mm/mm_priv.h"

/* Installs the handler for SIGBUS. Once, at start; again does no harm. */
void mem_catch_faults(void);

/* Each returns how many bytes were not moved. */
must_use size_t mem_copy(void *to, const void *from, size_t size);
must_use size_t mem_zero(void *to, size_t size);
/* Atomic, on an aligned word. Each returns 0, or 1 where the page is not there. */
must_use int mem_load32(const void *at, uint32_t *out);
/* Stores `want` where `*seen` is found; `*seen` becomes what was there. */
must_use int mem_cmpxchg32(void *at, uint32_t *seen, uint32_t want);

/* As copy_zero(), up to the first fault. */
must_use ssize_t copy_zero_some(struct mm *mm, uptr_t to, size_t size);
/*
 * How many of `size` bytes from `va` on can be reached at once: their entries satisfy
 * `want`, and their pages lie in a row from `pfn` on. 0: the first page faults.
 */
uint64_t copy_run(struct mm *mm, uint64_t va, uint64_t size, unsigned want, pfn_t *pfn)
    HOLDS(mm->lock);
