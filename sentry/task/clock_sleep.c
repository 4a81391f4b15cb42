/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parks wait on CLOCK_MONOTONIC. Other clocks are reckoned from it when a sleep
 * begins; where such a clock was set back meanwhile, the sleeper finds out when it
 * wakes, and goes on. Where it was set forward, it wakes late.
 */
#include "sentry/task/clock_sleep.h"

nsec_t moment_monotonic(const struct task *t, const struct moment *m)
{
    if (m->at == NSEC_NEVER || m->clock == CLOCK_ID_MONOTONIC)
        return m->at;
    nsec_t span = nsec_add(m->at, -task_now(t, m->clock));
    return nsec_add(task_now(t, CLOCK_ID_MONOTONIC), span);
}

int clock_sleep(struct task *t, const struct moment *until)
{
    int err = task_sleep(t, moment_monotonic(t, until));

    if (err == -ETIMEDOUT && task_now(t, until->clock) < until->at)
        return 0;
    return err;
}
