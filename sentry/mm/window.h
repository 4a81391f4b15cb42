/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows: ranges of host files in guest-physical space, above RAM.
 *
 * The pages stay in the host's page cache, shared by all who map the same file. A
 * host file can be cut short under us at any time: whoever touches a window's bytes
 * from the sentry does so through mem_copy() (copy.h), which survives it.
 */
#pragma once

#include "sentry/core/hostfd.h"
#include "sentry/mm/mappable.h"

struct window;

/*
 * Pages [first, first+count) of a host file.
 *
 *   fd        stays the caller's, and open for as long as the window is
 *   writable  the descriptor can be written, and a shared mapping may
 *   errors    ENOMEM, EMFILE
 *   locks     takes RANK_WINDOWS and the platform's
 */
must_use int window_create(struct arena *a, hostfd_t fd, uint64_t first, uint64_t count,
                           bool writable, struct window **out);
/* The page that holds page `index` of the file (counted from the file's start). */
pfn_t window_pfn(const struct window *w, uint64_t index);
/* Nobody maps any of it any more. NULL is fine. It goes when the last io_pin() of it does. */
void window_destroy(struct window *w);
