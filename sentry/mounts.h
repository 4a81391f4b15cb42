/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a sandbox as its options describe it: from rows to mounts. */
#pragma once

#include "sentry/kernel.h"
#include "sentry/vfs/mount.h"

struct gofer_client;

/*
 * Makes the mount namespace with all that the options list, from the root down.
 *
 *   who       the sandbox's root: may do everything
 *   gofer     whose trees these are; NULL: those of the sandbox's first gofer
 *   out       given
 *   errors    with words that name the mount
 */
must_use int mounts_create(struct arena *a, const struct actor *who,
                           const struct sandbox_options *o, struct gofer_client *gofer,
                           struct mnt_ns **out, struct boot_error *e);
