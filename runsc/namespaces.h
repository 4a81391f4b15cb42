/* SPDX-License-Identifier: Apache-2.0 */
/* New namespaces for the sentry, as many as the host allows. */
#pragma once

#include <sys/types.h>

#include "runsc/err.h"

/*
 * Starts a child in new user, mount, pid, net, ipc, uts and cgroup namespaces. It has
 * one id there, 0, which is nobody's outside where we are root, and ours where not.
 *
 *   body      runs in the child, where it has all capabilities over its namespaces
 *   returns   the child; -1 with words. It is killed when the calling thread ends.
 */
pid_t namespaces_spawn(int (*body)(void *arg), void *arg, struct err *e);

/*
 * Whether that can work here.
 *
 *   returns   0, or -errno of what the host refused
 */
must_use int namespaces_probe(void);
