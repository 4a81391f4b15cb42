/* SPDX-License-Identifier: Apache-2.0 */
/* From the options' seccomp profile, which names calls, to the kernel's, which numbers them. */
#pragma once

#include "sentry/core/arena.h"
#include "sentry/options.h"

/* Where the options have none, nothing is made. Calls that nobody has are left out. Errors: ENOMEM.
 */
must_use int profile_create(struct arena *a, const struct sandbox_options *o);
