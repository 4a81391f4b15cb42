/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are put into a container that runs. */
#pragma once

#include "runsc/container.h"
#include "runsc/oci.h"
#include "sentry/options.h"

/*
 * Puts it in.
 *
 *   o         its descriptors stay ours
 *   peer      given: the line to it; when that is closed, it is killed
 *   errors    with runc's words
 *   blocks    until its program runs, or cannot
 */
must_use int exec_begin(const struct container *c, const struct sandbox_options *o, int *peer,
                        struct err *e);

/*
 * Waits for its end. Signals of ours are passed on to it, if exec_prepare() was called.
 *
 *   console   a terminal of the host whose size it follows; -1: none
 *   returns   its status, as a shell has it
 */
int exec_wait(int peer, int console);

/* Blocks the signals that are passed on. */
void exec_prepare(void);

/* Runs a startContainer hook to its end: as the container's root. Errors: with words. */
must_use int exec_hook(const struct container *c, const struct oci_hook *h, const char *state,
                       struct err *e);
