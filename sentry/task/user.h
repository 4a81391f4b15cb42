/* SPDX-License-Identifier: Apache-2.0 */
/* What one user id has in use, over all its processes: RLIMIT_NPROC and RLIMIT_SIGPENDING. */
#pragma once

#include "sentry/core/arena.h"

enum user_count {
    USER_TASKS,   /* threads */
    USER_SIGNALS, /* queued signals */
    USER_COUNTS,
};

/*
 * Counts one more.
 *
 *   uid       kernel id: the real one
 *   limit     refused where there are as many already
 *   errors    EAGAIN past the limit; ENOMEM
 *   locks     takes RANK_USERS
 */
must_use int user_charge(struct arena *a, uint32_t uid, enum user_count what, uint64_t limit);
/* One less of what user_charge() counted. */
void user_uncharge(struct arena *a, uint32_t uid, enum user_count what);
uint64_t user_in_use(struct arena *a, uint32_t uid, enum user_count what);
