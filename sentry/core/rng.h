/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, injected: the host's in a sandbox, a seeded sequence in a test. */
#pragma once

#include "base/cc.h"
#include "sentry/core/arena.h"

struct rng {
    void (*fill)(struct rng *r, void *buf, size_t size);
    _Atomic uint64_t seed; /* of the seeded kind */
};

void rng_init_host(struct rng *r);
void rng_init_seeded(struct rng *r, uint64_t seed);

/* Random bytes for objects of an arena. */
void rng_fill(struct arena *a, void *buf, size_t size);
uint64_t rng_u64(struct arena *a);
