/* SPDX-License-Identifier: Apache-2.0 */
/* What one user id has in use, over all its processes: RLIMIT_NPROC and its kin. */
#pragma once

#include "sentry/core/arena.h"

enum user_count {
    USER_TASKS,    /* threads */
    USER_SIGNALS,  /* queued signals */
    USER_MSGQUEUE, /* bytes of POSIX message queues */
    USER_INFLIGHT, /* descriptors in messages of AF_UNIX sockets */
    USER_COUNTS,
};

/* Makes the counts, at ROOT_USERS. Errors: ENOMEM. */
must_use int users_create(struct arena *a);
/* All has been given back. Fine where they were never made. */
void users_destroy(struct arena *a);

/*
 * Counts `by` more.
 *
 *   uid       kernel id: the real one
 *   limit     refused where it would be passed
 *   errors    EAGAIN past the limit; ENOMEM
 *   locks     takes RANK_USERS
 */
must_use int user_charge_by(struct arena *a, uint32_t uid, enum user_count what, uint64_t by,
                            uint64_t limit);
/* Less of what user_charge_by() counted. */
void user_uncharge_by(struct arena *a, uint32_t uid, enum user_count what, uint64_t by);
uint64_t user_in_use(struct arena *a, uint32_t uid, enum user_count what);

/* One more, one less. */
static inline must_use int user_charge(struct arena *a, uint32_t uid, enum user_count what,
                                       uint64_t limit)
{
    return user_charge_by(a, uid, what, 1, limit);
}

static inline void user_uncharge(struct arena *a, uint32_t uid, enum user_count what)
{
    user_uncharge_by(a, uid, what, 1);
}
