/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests asked for and did not get: calls, options and commands that are not
 * there, counted by number, so that a user sees at the end which one a program missed.
 */
#pragma once

#include "sentry/core/arena.h"

enum refused_kind {
    REFUSED_SYSCALL, /* a number without a handler */
    REFUSED_IOCTL,   /* a command that the file does not know */
    REFUSED_PRCTL,
    REFUSED_SOCKOPT, /* level << 16 | name */
    REFUSED_SOCKET,  /* family << 16 | type */
    REFUSED_FCNTL,
    REFUSED_FLAG, /* call number << 32 | the unknown bits */
};

struct refused {
    enum refused_kind kind;
    uint64_t number;
    uint64_t count;
};

/* Makes the table at ROOT_REFUSED. Errors: ENOMEM. */
must_use int refused_create(struct arena *a);

/* Counts one. Where no table is there (unit tests) or it is full, nothing happens. Lock-free. */
void refused_count(struct arena *a, enum refused_kind kind, uint64_t number);

/* Copies out up to `max` rows, and says how many there are. */
size_t refused_list(struct arena *a, struct refused *out, size_t max);
