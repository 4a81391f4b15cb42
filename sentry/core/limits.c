/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits: where they start. */
#include "sentry/core/limits.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

void limits_init(struct limits *l)
{
    for (int i = 0; i < LIMIT_COUNT; i++)
        limit_set(l, i, LIMIT_INFINITY, LIMIT_INFINITY);
    limit_set(l, RLIMIT_STACK, 8 * MIB, LIMIT_INFINITY);
    limit_set(l, RLIMIT_CORE, 0, LIMIT_INFINITY);
    limit_set(l, RLIMIT_NOFILE, 1024, 1 << 20);
    limit_set(l, RLIMIT_MEMLOCK, 8 * MIB, 8 * MIB);
    limit_set(l, RLIMIT_MSGQUEUE, 819200, 819200);
    limit_set(l, RLIMIT_NICE, 0, 0);
    limit_set(l, RLIMIT_RTPRIO, 0, 0);
    limit_set(l, RLIMIT_NPROC, 32768, 32768);
    limit_set(l, RLIMIT_SIGPENDING, 32768, 32768);
}

void limits_copy(struct limits *to, const struct limits *from)
{
    for (int i = 0; i < LIMIT_COUNT; i++)
        limit_set(to, i, limit_soft(from, i), limit_hard(from, i));
}
