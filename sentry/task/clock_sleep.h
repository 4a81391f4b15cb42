/* SPDX-License-Identifier: Apache-2.0 */
/* Sleep until a time on a clock that is not the one our parks know. */
#pragma once

#include "sentry/task/task.h"

/* A moment. NSEC_NEVER on any clock is none. */
struct moment {
    enum clock_id clock;
    nsec_t at;
};

#define MOMENT_NEVER ((struct moment){ CLOCK_ID_MONOTONIC, NSEC_NEVER })

/* The time on CLOCK_MONOTONIC at which it will come, as clocks stand now. */
nsec_t moment_monotonic(const struct task *t, const struct moment *m);

/*
 * As task_sleep(), which see for park_prepare(): 0 may come for nothing, -ETIMEDOUT
 * only when the clock named has really come to the moment.
 */
must_use int clock_sleep(struct task *t, const struct moment *until);
