/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a gofer shuts itself in, in stages that are named in jail.c. Before: a process
 * with its caller's rights over the whole host. After: one that reaches the exported
 * trees and nothing else, and makes no call of the host but those of its filter.
 */
#pragma once

#include "gofer/file/gofer.h"
#include "gofer/file/options.h"

/*
 * All stages but the last: namespaces, trees, root, rights. Exports the trees.
 *
 *   errors    of the first stage that is essential and that the host refused; it was
 *             logged. What is not essential is logged and left out.
 */
must_use int jail_enter(const struct gofer_options *o, struct gofer *g);

/* The last: no call of the host but those that serving needs. Kills on any other from now on. */
must_use int jail_close(void);
