/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stops: all threads of a process rest until SIGCONT.
 *
 *     runs ──stop signal──▶ stopping: stop_count threads have yet to rest
 *       ▲                       │ the last one rests: GROUP_STOPPED, the parent hears
 *       └──────SIGCONT──────────┴─▶ the first thread that wakes tells the parent
 *
 * Whoever sends SIGCONT holds the process's lock, and the parent's may not be taken
 * under it; so the news is left in the flags for a thread of the process to carry.
 */
#include <signal.h>
#include <sys/wait.h>

#include "sentry/task/task_priv.h"

void group_stop_locked(struct thread_group *g, int sig)
{
    struct task *t;

    if (!(g->flags & GROUP_STOPPED))
        g->stop_signal = sig;
    list_for_each (t, &g->tasks, group_node) {
        if (t->stopping || atomic_load(&t->life) != TASK_ALIVE)
            continue;
        t->stopping = true;
        g->stop_count++;
        task_set_work(t, TASK_STOP);
    }
}

void group_continue_locked(struct thread_group *g)
{
    struct task *t;
    uint32_t news = 0;

    if (g->flags & GROUP_STOPPED)
        news = GROUP_CONTINUED | GROUP_TELL_CONTINUED;
    else if (g->stop_count > 0)
        news = GROUP_CONTINUED | GROUP_TELL_STOPPED;
    else
        return;
    g->flags &= ~(uint32_t)(GROUP_STOPPED | GROUP_STOP_NEWS);
    g->flags |= news;
    g->stop_count = 0;
    list_for_each (t, &g->tasks, group_node) {
        t->stopping = false;
        task_set_work(t, TASK_STOP); /* to come by, and carry the news */
    }
}

/* The last thread to rest makes it a stop. */
static bool count_down_locked(struct task *t) HOLDS(t->group->lock)
{
    struct thread_group *g = t->group;

    if (!t->stopping)
        return false;
    t->stopping = false;
    if (--g->stop_count > 0)
        return false;
    bool already = g->flags & GROUP_STOPPED;
    g->flags |= GROUP_STOPPED | GROUP_STOP_NEWS;
    g->flags &= ~(uint32_t)GROUP_CONTINUED;
    return !already;
}

bool task_leave_stop_locked(struct task *t)
{
    return count_down_locked(t);
}

/* What the parent is to hear, CLD_*; 0: nothing. */
static int news_locked(struct task *t) HOLDS(t->group->lock)
{
    struct thread_group *g = t->group;
    uint32_t tell = g->flags & (GROUP_TELL_CONTINUED | GROUP_TELL_STOPPED);

    if (!tell)
        return count_down_locked(t) ? CLD_STOPPED : 0;
    g->flags &= ~tell;
    return tell & GROUP_TELL_CONTINUED ? CLD_CONTINUED : CLD_STOPPED;
}

/* Whether it has to rest. Clears TASK_STOP where not. */
static bool rests(struct task *t)
{
    struct thread_group *g = t->group;

    mutex_lock(&g->lock);
    bool stopped = g->flags & GROUP_STOPPED || g->stop_count > 0;
    bool stay = stopped && !t->stopping && !(g->flags & GROUP_EXITING);
    if (!stopped)
        task_clear_work(t, TASK_STOP);
    mutex_unlock(&g->lock);
    return stay && !task_killed(t);
}

void task_stop(struct task *t)
{
    struct thread_group *g = t->group;

    mutex_lock(&g->lock);
    mutex_assert_held(&t->group->lock);
    int news = news_locked(t);
    mutex_unlock(&g->lock);
    if (news)
        group_tell_parent(g, news);
    atomic_store(&t->sleeping, TASK_SLEEP_STOPPED);
    for (;;) {
        park_prepare(&t->park);
        if (!rests(t))
            break;
        int err = park_wait(&t->park, NSEC_NEVER);
        (void)err; /* EINTR is as good as a wake */
    }
    atomic_store(&t->sleeping, TASK_AWAKE);
}
