/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions, process groups, and the terminal that a session may have.
 *
 * A terminal lies below us: it knows a session and its foreground process group as
 * opaque pointers, which it gets and compares through these functions only.
 *
 *   source    setsid(2), setpgid(2), credentials(7); POSIX.1-2017, 11.1
 */
#pragma once

#include "base/list.h"
#include "base/ref.h"
#include "sentry/task/task.h"

struct ctty;

struct session {
    struct ref ref;
    struct pid *pid;             /* [I] a reference */
    struct list groups;          /* [T] thread_group.session_node */
    struct ctty *tty;            /* [T] the controlling terminal, a reference; NULL: none */
    struct thread_group *leader; /* [T] weak; NULL once it has ended */
};

struct session *session_get(struct session *s);
void session_put(struct session *s);
DEFINE_SCOPED(session)

/* Errors: EPERM where the caller leads a process group. Returns the number. */
must_use int session_create(struct task *t);
/* setpgid(2). Errors: as the page says. */
must_use int session_set_pgrp(struct task *t, int pid, int pgid);

/* setsid(2) for a process from outside; RANK_TASKS held. Errors: ENOMEM. */
must_use int session_start_locked(struct thread_group *g);
/* Leaves its process group, and the session with it. */
void session_leave_locked(struct thread_group *g);
/* Joins those of `parent`. */
void session_inherit_locked(struct thread_group *g, const struct thread_group *parent);
/*
 * `g` ends (father NULL), or has just lost `father` as its parent: where its process group
 * thereby lost its last tie to the rest of the session, and has stopped members, they all
 * get SIGHUP and SIGCONT.
 */
void session_orphan_check_locked(struct thread_group *g, struct thread_group *father);
bool pgrp_is_orphaned_locked(struct pid *pgrp);

/* ---- ctty.c ---- */

/* What terminals ask of tasks: tasks_create() puts it at HOST_CTTY. */
extern const struct ctty_hooks task_ctty_hooks;
/* What /proc/PID/stat shows: the terminal's device number, 0 for none; its foreground group, or -1.
 */
void session_tty(struct task *t, const struct task *viewer, uint64_t *rdev, int *pgrp);
