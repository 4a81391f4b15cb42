/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a thread ends, and with the last one its process.
 *
 * A thread ends on itself only: whoever wants another's end sets TASK_KILLED and waits.
 * First it takes no more signals; then it gives back what it has, without locks; then,
 * under RANK_TASKS, it leaves the family: a thread that leads nothing is gone at
 * once, a leader stays as a zombie until the process has ended and was waited for.
 */
#include <signal.h>

#include "base/host.h"
#include "sentry/core/platform_ref.h"
#include "sentry/mm/frame.h"
#include "sentry/task/futex.h"
#include "sentry/task/session.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_ipc.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"
#include "sentry/task/usage.h"

/* No signal finds it any more. Whether it was the last of its process to get here. */
static bool stop_signals(struct task *t)
{
    struct thread_group *g = t->group;
    struct task *other;
    sigset64 mine;

    mutex_lock(&t->group->lock);
    atomic_store(&t->life, TASK_EXITING);
    bool last = --g->nlive == 0;
    bool stopped = task_leave_stop_locked(t) && !last;
    /* what it might have taken, another must */
    mine = g->pending.set & ~t->blocked;
    list_for_each (other, &g->tasks, group_node) {
        if (atomic_load(&other->life) == TASK_ALIVE && mine & ~other->blocked)
            task_set_work(other, TASK_SIGNAL);
    }
    if (g->flags & GROUP_EXITING) {
        t->exit_code = g->exit_code;
    } else if (last) {
        /* as synchronize_group_exit(): the process ends as its last thread does */
        g->flags |= GROUP_EXITING;
        g->exit_code = t->exit_code;
    }
    mutex_unlock(&t->group->lock);
    if (stopped)
        group_tell_parent(g, CLD_STOPPED);
    return last;
}

/* The peak is asked for while there is something to ask. */
static void note_maxrss(struct task *t)
{
    struct mm_usage u;

    mm_usage(t->mm, &u);
    mutex_lock(&t->group->lock);
    t->group->dead.maxrss = max(t->group->dead.maxrss, u.peak_rss);
    mutex_unlock(&t->group->lock);
}

/* All but the memory, which takes longest and nobody waits for: given, for mm_destroy(), or NULL.
 */
static struct mm *give_back(struct task *t, bool last)
{
    if (t->mm) {
        note_maxrss(t);
        futex_exit(t);
    }
    if (last && t->mm)
        mm_abandon(t->mm, &t->group->limits, &tasks_of(t->arena)->orphan_limits);
    vfork_done(t);
    struct mm *rest = task_drop_mm_visible(t);
    task_drop_ipc(t);
    task_drop_files(t);
    task_drop_fs(t);
    return rest;
}

/*
 * Before its memory goes: what the platform leaves of that can be used again then. Its processor
 * time becomes the group's.
 */
static void leave_platform(struct task *t)
{
    const struct platform_ops *ops = platform_of(t->arena)->ops;
    struct guest_thread *guest = atomic_load(&t->guest);
    nsec_t user, sys;

    task_cpu_time(t, &user, &sys);
    mutex_lock(&t->group->lock);
    t->exited_user = user;
    t->exited_sys = sys;
    mutex_unlock(&t->group->lock);
    if (!guest)
        return;
    task_forget_guest(t);
    ops->thread_destroy(guest);
}

/* Under RANK_TASKS: it is dead to the family. Gives the parent that is to be told, or NULL. */
static struct thread_group *leave_family_locked(struct task *t)
{
    struct thread_group *g = t->group, *parent = NULL;
    struct task *other;
    struct usage u;
    bool all_ended = true;

    mutex_lock(&g->lock);
    usage_of_task(t, &u);
    usage_add(&g->dead, &u);
    atomic_store(&t->life, TASK_ZOMBIE);
    sigpending_flush(t->arena, &t->pending, ~(sigset64)0);
    list_for_each (other, &g->tasks, group_node)
        all_ended &= atomic_load(&other->life) == TASK_ZOMBIE;
    struct task *waits = g->exec_task;
    mutex_unlock(&g->lock);
    if (waits)
        task_wake(waits);
    if (!all_ended)
        group_move_children_locked(g, t);
    bool leads = g->leader == t;
    if (!leads)
        group_release_task_locked(t);
    if (all_ended)
        parent = group_end_locked(g);
    return parent;
}

void task_end(struct task *t, int exit_code)
{
    t->exit_code = exit_code;
    task_set_work(t, TASK_KILLED);
}

void task_exit(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g = group_get(t->group);

    bool last = stop_signals(t);
    if (last) {
        timers_exit(g);
        session_leader_ends(g);
    }
    leave_platform(t);
    struct mm *rest = give_back(t, last);
    usage_end(t);
    if (last)
        pid_ns_end(t);
    /* A parent that is told may ask for what it knows that its child has had. */
    frames_expect(t->arena);
    mutex_lock(&ts->lock);
    struct thread_group *parent = leave_family_locked(t);
    mutex_unlock(&ts->lock);
    group_tell_end(parent);
    task_end_former(t);
    if (rest)
        mm_destroy(rest);
    frames_expect_no_more(t->arena);
    group_put(g);
}

void task_discard(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g = group_get(t->group), *parent = NULL;

    stop_signals(t);
    vfork_done(t);
    task_drop_ipc(t);
    task_drop_files(t);
    task_drop_fs(t);
    task_drop_mm(t);
    mutex_lock(&ts->lock);
    if (g->leader != t) {
        parent = leave_family_locked(t);
    } else {
        sigpending_flush(t->arena, &t->pending, ~(sigset64)0);
        sigpending_flush(t->arena, &g->pending, ~(sigset64)0);
        group_unlink_reaper_locked(g);
        /* somebody may wait for it already: its number was there to be found */
        parent = g->parent ? group_get(g->parent) : NULL;
        waitq_wake(&g->pid->waitq, POLLIN);
        group_release_locked(g);
    }
    mutex_unlock(&ts->lock);
    group_tell_end(parent);
    group_put(g);
}
