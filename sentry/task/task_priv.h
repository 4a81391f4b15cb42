/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of task/ owe each other. */
#pragma once

#include "sentry/task/group.h"
#include "sentry/task/pid.h"
#include "sentry/task/tasks.h"

/* ---- task.c: a task that nobody can find yet ---- */

/* A new task of `g` (NULL: none yet), with defaults everywhere. NULL: no memory. */
must_use struct task *task_alloc(struct arena *a, struct thread_group *g);
/* Gives mm, files, fs and the like back; cred stays. Its own thread, or one that never ran. */
void task_drop_mm(struct task *t);
/* The same as mm_put_visible(). */
must_use struct mm *task_drop_mm_visible(struct task *t);
/* The memory that its last exec has left goes, if it has not yet. */
void task_end_former(struct task *t);
void task_drop_files(struct task *t);
void task_drop_fs(struct task *t);

/* ---- group.c ---- */

must_use struct thread_group *group_alloc(struct container *c, struct sighand *taken);
/*
 * Gives a new task its place: in the tables, in its group, and, for the first of a group,
 * in the tables. `pid` is taken on success.
 *
 *   errors    EINTR where the group is ending, or all its other threads must
 *   locks     RANK_TASKS held; takes RANK_GROUP
 */
must_use int group_add_task_locked(struct thread_group *g, struct task *t, struct pid *pid);
/* Its signal actions, given. */
struct sighand *group_sighand_get(struct thread_group *g);
/* Takes a task that has ended out of its group and the tables; its reference goes. */
void group_release_task_locked(struct task *t);
/* The same for the whole process: parent, process group and session too. */
void group_release_locked(struct thread_group *g);

/* ---- sleep.c ---- */

/* Sets bits of t->work and makes sure that its thread sees them soon. Any thread, any lock. */
void task_set_work(struct task *t, uint32_t bits);
void task_clear_work(struct task *t, uint32_t bits);
/* Holds t->guest and t->host_tid while others look at them: NULL where there is none. */
struct guest_thread *task_pin_guest(struct task *t);
void task_unpin_guest(struct task *t);
/* Its thread is about to end: nobody looks at `guest` any more after this. */
void task_forget_guest(struct task *t);

/* One wait of a thread on a queue, without regard to signals. */
struct quiet_wait {
    struct waiter waiter;
    struct park *park;
};
void quiet_wait_begin(struct quiet_wait *w, struct waitq *q, struct park *park);
void quiet_wait_end(struct quiet_wait *w, struct waitq *q);

/* ---- tasks.c ---- */

/* The last that a host thread of a task does: whoever waits for their end may free `ts` now. */
void tasks_leave(struct tasks *ts);

/* ---- run.c ---- */

/* The body of a task's host thread. */
void task_main(void *task);

/* ---- exit.c ---- */

/* Ends the calling task; its host thread must then return. */
void task_exit(struct task *t);

/* The parent that vfork(2) made to wait, if any, goes on. */
void vfork_done(struct task *t);

/* ---- reap.c ---- */

/*
 * The last live thread of a process has gone: children, parent, process group, session.
 *
 *   returns   its parent, given, or NULL: for group_tell_end()
 */
must_use struct thread_group *group_end_locked(struct thread_group *g);
/*
 * Wakes a parent that waits for its children; not before RANK_TASKS is free, for it takes that
 * first. NULL is fine.
 *
 *   parent    taken
 */
void group_tell_end(struct thread_group *parent);
/* Children of `g` whose parent_task was `t` get another of its threads. */
void group_move_children_locked(struct thread_group *g, struct task *t);
/* It is no namespace's init any more. */
void group_unlink_reaper_locked(struct thread_group *g);
/* If the last thread of a namespace's init ends: kills all in it, and waits for their end. */
void pid_ns_end(struct task *t);
/* The last thread of a session's leader ends: the terminal is free again. */
void session_leader_ends(struct thread_group *g);
/* Tells the parent that `g` has stopped or gone on. Takes RANK_TASKS. */
void group_tell_parent(struct thread_group *g, int code /* CLD_STOPPED, CLD_CONTINUED */);

/* ---- stop.c ---- */

/* All threads are to stop for `sig`. */
void group_stop_locked(struct thread_group *g, int sig) HOLDS(g->lock);
/* SIGCONT: nobody is to stop any more. */
void group_continue_locked(struct thread_group *g) HOLDS(g->lock);
/* Takes part in a stop, sleeps through it, tells the parent. TASK_STOP was set. */
void task_stop(struct task *t);
/* `t` ends; whether it was the last that had yet to stop: group_tell_parent() is then due. */
bool task_leave_stop_locked(struct task *t) HOLDS(t->group->lock);

/* ---- restart.c ---- */

/* What becomes of a call that a signal cut short: before a handler runs, and where none does. */
void restart_before_handler(struct task *t, uint64_t sa_flags);
void restart_without_handler(struct task *t);
static inline bool restart_is_due(long result)
{
    return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
           result == -ERESTART_RESTARTBLOCK;
}

/* ---- oom.c ---- */

/* RAM is full: somebody dies. May sleep for a while. */
void oom_kill(struct task *t);
