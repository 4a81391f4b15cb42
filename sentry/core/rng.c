/* SPDX-License-Identifier: Apache-2.0 */
/* The host's randomness, and SplitMix64 (Steele, Lea, Flood 2014) for tests. */
#include "sentry/core/rng.h"

#include <string.h>

#include "base/host.h"

static void fill_host(struct rng *r, void *buf, size_t size)
{
    (void)r;
    host_getrandom(buf, size);
}

static uint64_t next(_Atomic uint64_t *seed)
{
    uint64_t z =
        atomic_fetch_add_explicit(seed, UINT64_C(0x9e3779b97f4a7c15), memory_order_relaxed);

    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void fill_seeded(struct rng *r, void *buf, size_t size)
{
    char *at = buf;

    while (size > 0) {
        uint64_t word = next(&r->seed);
        size_t n = min(size, sizeof word);
        memcpy(at, &word, n);
        at += n;
        size -= n;
    }
}

void rng_init_host(struct rng *r)
{
    r->fill = fill_host;
    r->seed = 0;
}

void rng_init_seeded(struct rng *r, uint64_t seed)
{
    r->fill = fill_seeded;
    r->seed = seed;
}

void rng_fill(struct arena *a, void *buf, size_t size)
{
    struct rng *r = arena_host(a, HOST_RNG);

    r->fill(r, buf, size);
}

uint64_t rng_u64(struct arena *a)
{
    uint64_t word;

    rng_fill(a, &word, sizeof word);
    return word;
}
