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

static inline uint64_t limit_soft(const struct limits *l, int which)
{
    return atomic_load_explicit(&l->of[which].soft, memory_order_relaxed);
}

static inline uint64_t limit_hard(const struct limits *l, int which)
{
    return atomic_load_explicit(&l->of[which].hard, memory_order_relaxed);
}
