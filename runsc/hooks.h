/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the engine that run at certain moments of a container's life. */
#pragma once

#include "runsc/container.h"
#include "runsc/oci.h"

/*
 * Runs all of one kind, in order; the state goes to their stdin.
 *
 *   in        the process whose namespaces they run in; 0: ours
 *   errors    with words, of the first that failed: what follows was not run. Of poststart and
 *             poststop hooks, which come too late to stop anything, all run: a warning for each
 *   blocks    until they end, or their time is over
 */
must_use int hooks_run(const struct oci_spec *s, enum oci_hook_kind kind, const struct container *c,
                       const char *status, pid_t in, struct err *e);
