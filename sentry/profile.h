/* SPDX-License-Identifier: Apache-2.0 */
/* From the options' seccomp profile, which names calls, to the kernel's, which numbers them. */
#pragma once

#include "sentry/core/arena.h"
#include "sentry/options.h"

struct seccomp_profile;

/*
 * Where the options have none, none is made. Calls that nobody has are left out.
 *
 *   out       given: to a container. NULL: every call may be made
 *   errors    ENOMEM
 */
must_use int profile_create(struct arena *a, const struct sandbox_options *o,
                            struct seccomp_profile **out);
