/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of a sandbox: its processes, and the socket between us and its sentry. */
#pragma once

#include <sys/types.h>

#include "include/control_wire.h"
#include "runsc/err.h"
#include "runsc/view.h"
#include "sentry/options.h"

struct sandbox {
    pid_t sentry, gofer; /* 0: none */
    int control;         /* our end; -1: none */
};

/*
 * Starts gofer and sentry, jails them, and sends the options. They die with us.
 *
 *   o         its gofer descriptor and mounts are set here from `v`
 *   errors    with words; nothing is left running
 */
must_use int sandbox_start(struct sandbox_options *o, const struct view *v, struct sandbox *out,
                           struct err *e);

/*
 * The same for a container whose sentry runs already: a gofer of its own, and no more.
 *
 *   control   the line to that sentry, after CONTROL_JOIN: taken
 */
must_use int sandbox_join(struct sandbox_options *o, const struct view *v, int control,
                          struct sandbox *out, struct err *e);

/*
 * Sends the options as a memfd, and all descriptors with it, in one message.
 *
 *   kind      CONTROL_START, or CONTROL_EXEC
 *   errors    E2BIG, EPIPE, with words
 */
must_use int sandbox_send_options(int control, enum control_kind kind,
                                  const struct sandbox_options *o, struct err *e);

/* Sends one message. A sentry that is gone is no error: its end will be seen. */
void sandbox_send(const struct sandbox *s, enum control_kind kind, uint64_t value);
/* A signal for the whole process group of the first process. */
void sandbox_send_job(const struct sandbox *s, int sig);

/*
 * The next message.
 *
 *   returns   1; 0 where the sentry closed its end; -EPROTO; -EINTR
 */
must_use int sandbox_receive(const struct sandbox *s, struct control_msg *out);

/* Kills what still runs, reaps it, closes the socket. */
void sandbox_end(struct sandbox *s);

/* Where one of our programs stands: beside us, or in ../libexec/runsc. Errors: ENOENT with words.
 */
must_use int sandbox_program(const char *name, char *out, size_t size, struct err *e);
