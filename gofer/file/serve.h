/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from the ring, one after the other. */
#pragma once

#include "gofer/file/gofer.h"

/*
 * Makes the ring and sends it with the greeting.
 *
 *   errors    those of memfd_create(2), mmap(2), sendmsg(2)
 */
must_use int serve_hello(struct gofer *g);

/*
 * Serves until the sentry is gone.
 *
 *   returns   0 at the end of the socket; -errno where it fails
 *   blocks    for requests
 */
must_use int serve(struct gofer *g);
