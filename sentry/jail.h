/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentry's jail, in two stages around its start. Namespaces are made before, by
 * runsc: here they are only used.
 */
#pragma once

#include "base/cc.h"
#include "base/filter.h"

/*
 * Stage 1, first of all: nothing of the host's files is in sight any more.
 *
 *   must      be in a mount namespace of its own, with one thread
 *   must not  have anything left to open by name
 *   errors    those of mount(2) and pivot_root(2)
 */
must_use int jail_empty_root(void);

/*
 * Stage 2, before the first byte of a guest, a file or a gofer's reply is looked at:
 * no capability, nothing to gain from execve, and the filter of our column.
 *
 *   must      have made its platform, RAM and descriptors
 *   must not  need any host call that is not in hostcalls.def
 *   errors    those of capset(2) and seccomp(2)
 */
must_use int jail_lock(enum process process);
