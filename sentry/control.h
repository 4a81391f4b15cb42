/* SPDX-License-Identifier: Apache-2.0 */
/* The sentry's end of the control socket: see include/control_wire.h. */
#pragma once

#include "include/control_wire.h"
#include "sentry/options.h"

/*
 * Waits for CONTROL_START.
 *
 *   out       its descriptors are ours
 *   msg       the encoded options that `out` points into: given, free()
 *   errors    EPROTO, EIO where runsc is gone, ENOMEM
 */
must_use int control_start(int sock, struct sandbox_options *out, struct options_storage **storage);

/* Sends one message. A runsc that is gone is no error here: the loop sees its end. Any thread. */
void control_send(int sock, enum control_kind kind, uint64_t value);
/* CONTROL_FAILED: `status` is what runsc shall exit with, 0 for its usual. */
void control_fail(int sock, int err, unsigned status, const char *format, ...) printf_like(4, 5);
/* CONTROL_STEP, with the time now. */
void control_step(int sock, const char *what);

#define CONTROL_FDS_MAX (OPTION_FD_COUNT + 1)

/*
 * The next message.
 *
 *   fds       what came with it: given
 *   returns   1; 0 where the other side is gone, or says nonsense; -EINTR
 *   blocks    for it
 */
must_use int control_receive(int sock, struct control_msg *out, int fds[CONTROL_FDS_MAX],
                             size_t *n);

/*
 * The options that a message of kind CONTROL_EXEC brought.
 *
 *   fds       taken where it went well; after a failure all but the last are still the caller's
 *   storage   given: options_free(); the strings go with it
 */
must_use int control_options(const struct control_msg *m, const int *fds, size_t n,
                             struct sandbox_options *out, struct options_storage **storage);
