/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host descriptors that objects of the arena use, by number.
 *
 * An object holds a hostfd_t; the descriptor itself stands in one table outside
 * the arena, so that a restored kernel can be given new ones.
 */
#pragma once

#include "sentry/core/arena.h"

typedef struct {
    uint32_t n; /* 0 is no descriptor */
} hostfd_t;

#define HOSTFD_NONE ((hostfd_t){ 0 })

/* Makes the table and sets HOST_FDS. Errors: ENOMEM. */
must_use int hostfds_create(struct arena *a);
/* Closes all of them. */
void hostfds_destroy(struct arena *a);

/* Takes `fd`. Errors: EMFILE (and `fd` is closed). Locks: RANK_HOSTFD. */
must_use int hostfd_add(struct arena *a, int fd, hostfd_t *out);
/* The descriptor, borrowed; -1 for HOSTFD_NONE or after a restore that did not bring it back. */
int hostfd_get(struct arena *a, hostfd_t h);
/* Closes it. HOSTFD_NONE is fine. */
void hostfd_del(struct arena *a, hostfd_t h);
