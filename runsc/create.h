/* SPDX-License-Identifier: Apache-2.0 */
/* How containers begin and end: what create, run, start and delete share. */
#pragma once

#include "runsc/command.h"
#include "runsc/oci.h"

struct create_request {
    struct command c;
    const char *bundle, *pid_file, *console_socket;
    bool detach, keep;
    unsigned preserved; /* descriptors behind stdio that are the container's, too */
    const char *id;
};

/*
 * Makes a container: all but the first instruction of its first process.
 *
 *   own_terminal  a terminal of ours that is to be the container's; -1: none
 *   errors        with runc's words; nothing is left
 */
must_use int container_make(const struct create_request *r, int own_terminal, struct container *out,
                            struct err *e);

/* Lets it go, with the hooks that belong there. `c` is locked. */
must_use int container_start(struct container *c, struct err *e);

/* Kills what still runs, if `force`; takes all away. `c` is locked. */
must_use int container_delete(struct container *c, bool force, struct err *e);

/* Nothing of it runs from now on, or it goes on. `c` is locked. */
must_use int container_freeze(struct container *c, bool freeze, struct err *e);

/* Sends a signal; a SIGKILL gets there also where the sentry does not answer. */
must_use int container_kill(const struct container *c, int sig, bool all, struct err *e);
