/* SPDX-License-Identifier: Apache-2.0 */
/* What HOST_PLATFORM leads to: the platform that runs this sandbox's guests. */
#pragma once

#include "include/platform.h"
#include "sentry/core/arena.h"

/* What a sandbox has asked of its platform, for --summary. [a] */
struct platform_tally {
    _Atomic uint64_t faults;  /* of guests */
    _Atomic uint64_t batches; /* changes of memory: hand-overs */
    _Atomic uint64_t changes; /* and operations in them */
    _Atomic uint64_t forks;   /* of address spaces */
};

struct platform_ref {
    const struct platform_ops *ops;
    struct platform *platform;
    struct platform_tally tally;
    /* [a] Its XSAVE area, of which the processor is asked once: components; 0: not asked yet. */
    _Atomic uint64_t xstate;
    _Atomic uint64_t xstate_usual; /* [a] bytes of it without AMX; the same */
};

static inline const struct platform_ref *platform_of(const struct arena *a)
{
    return (const struct platform_ref *)arena_host(a, HOST_PLATFORM);
}

static inline struct platform_tally *platform_tally(const struct arena *a)
{
    return &((struct platform_ref *)arena_host(a, HOST_PLATFORM))->tally;
}

static inline struct platform_ref *platform_xstate(const struct arena *a)
{
    return (struct platform_ref *)arena_host(a, HOST_PLATFORM);
}

static inline void tally_add(_Atomic uint64_t *count, uint64_t n)
{
    atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}
