/* SPDX-License-Identifier: Apache-2.0 */
/* A task's numbers and signals, all of one moment, as a /proc sees them. */
#pragma once

#include "sentry/proc/entry.h"

/* One identity's numbers: in the namespace of this /proc first, then further in. */
struct proc_numbers {
    uint32_t count;
    int nr[PID_NS_LEVELS + 1];
};

struct proc_ids {
    int tid, tgid, ppid, pgid, sid;
    struct proc_numbers ns_tgid, ns_tid, ns_pgid, ns_sid;
};

/* Locks: takes RANK_TASKS. */
void proc_ids(const struct proc_view *v, struct proc_ids *out);

struct proc_signals {
    sigset64 pending, shared, blocked, ignored, caught;
};

/* Locks: takes RANK_GROUP. */
void proc_signals(struct task *t, struct proc_signals *out);
