/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of one process: getrlimit(2). Shared by the threads of a group. */
#pragma once

#include <stdatomic.h>
#include <sys/resource.h>

#include "base/cc.h"

#define LIMIT_COUNT    16 /* RLIMIT_RTTIME is the last */
#define LIMIT_INFINITY UINT64_MAX

struct limit {
    _Atomic uint64_t soft, hard;
};

struct limits {
    struct limit of[LIMIT_COUNT]; /* by RLIMIT_* */
};

/* What the first process of a sandbox has: Linux's own start values. */
void limits_init(struct limits *l);
/* A new process's: what its parent has now. */
void limits_copy(struct limits *to, const struct limits *from);

static inline uint64_t limit_soft(const struct limits *l, int which)
{
    return atomic_load_explicit(&l->of[which].soft, memory_order_relaxed);
}

static inline uint64_t limit_hard(const struct limits *l, int which)
{
    return atomic_load_explicit(&l->of[which].hard, memory_order_relaxed);
}

/* Sets both. Whether the caller may is its own business (prlimit(2)). */
static inline void limit_set(struct limits *l, int which, uint64_t soft, uint64_t hard)
{
    atomic_store_explicit(&l->of[which].soft, soft, memory_order_relaxed);
    atomic_store_explicit(&l->of[which].hard, hard, memory_order_relaxed);
}
