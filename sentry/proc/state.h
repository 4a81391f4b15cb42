/* SPDX-License-Identifier: Apache-2.0 */
/* What all instances of /proc have in common. */
#pragma once

#include "sentry/core/arena.h"

struct proc_state {
    uint8_t boot_id[16];
};

/* Makes it where it is not there yet; mounts of /proc do. Errors: ENOMEM. */
must_use int proc_state_create(struct arena *a);

static inline struct proc_state *proc_state(const struct arena *a)
{
    return (struct proc_state *)arena_root(a, ROOT_PROC);
}
