/* SPDX-License-Identifier: Apache-2.0 */
/* Made with the first /proc, under the lock that all of them know. */
#include "sentry/proc/state.h"

#include <errno.h>

#include "sentry/core/rng.h"
#include "sentry/task/tasks.h"

int proc_state_create(struct arena *a)
{
    struct proc_state *s = NULL;
    struct tasks *ts = tasks_of(a);

    mutex_lock(&ts->lock);
    bool there = proc_state(a) != NULL;
    if (!there && (s = arena_alloc(a, sizeof *s))) {
        rng_fill(a, s->boot_id, sizeof s->boot_id);
        s->boot_id[6] = (s->boot_id[6] & 0x0f) | 0x40;
        s->boot_id[8] = (s->boot_id[8] & 0x3f) | 0x80;
        arena_set_root(a, ROOT_PROC, s);
    }
    mutex_unlock(&ts->lock);
    return there || s ? 0 : -ENOMEM;
}
