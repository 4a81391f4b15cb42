/* SPDX-License-Identifier: Apache-2.0 */
/* A command's own line to the sentry of a container: see include/control_wire.h. */
#pragma once

#include "include/control_wire.h"
#include "runsc/container.h"
#include "sentry/options.h"

/* Connects. Errors: with words. */
must_use int peer_connect(const struct container *c, int *out, struct err *e);

/*
 * Asks for one thing, and waits for the answer.
 *
 *   timeout_ms  a sentry that does not answer is not waited for
 *   errors      what the sentry says; ETIMEDOUT, EPIPE; with words
 */
must_use int peer_ask(const struct container *c, enum control_kind kind, uint64_t value,
                      int timeout_ms, struct err *e);

/* Tells the sentry of another limit; 0: none. Errors: as peer_ask(). */
must_use int peer_limit(const struct container *c, enum option_limit which, uint64_t value,
                        struct err *e);

/* The next message: 1; 0 where the sentry has gone; -EINTR; -ETIMEDOUT. */
must_use int peer_receive(int peer, int timeout_ms, struct control_msg *out);

/* runc's words for a program that could not be found or executed. */
int peer_program_error(struct err *e, const char *argv0, const struct control_msg *m);
