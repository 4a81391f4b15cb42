/* SPDX-License-Identifier: Apache-2.0 */
/* What all instances of /proc have in common. */
#pragma once

#include "sentry/core/arena.h"

struct proc_setting;

struct proc_state {
    uint8_t boot_id[16];
    struct proc_setting *settings; /* [I] once guests run: what differs from the tables */
};

/* Makes it where it is not there yet; mounts of /proc do. Errors: ENOMEM. */
must_use int proc_state_create(struct arena *a);

/*
 * Makes a file of /proc/sys say something else than its table does. Before guests run.
 *
 *   name      its path there: "net/ipv4/ip_forward"
 *   value     without a newline; copied
 *   errors    ENOENT; EISDIR; EPERM where it shows what the sentry knows better; EINVAL: no number;
 * ENOMEM
 */
must_use int proc_set(struct arena *a, const char *name, const char *value);
/* What such a file says now, or NULL: as in the table. Borrowed. */
const char *proc_setting(const struct arena *a, uint64_t ino);

static inline struct proc_state *proc_state(const struct arena *a)
{
    return (struct proc_state *)arena_root(a, ROOT_PROC);
}
