/* SPDX-License-Identifier: Apache-2.0 */
/* A process as an object: its birth, its threads, its last reference. */
#include "sentry/task/group.h"

#include <signal.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/core/user.h"
#include "sentry/task/container.h"
#include "sentry/task/session.h"
#include "sentry/task/sighand.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"

static const struct slab_type group_slab = SLAB_TYPE(thread_group, struct thread_group);

struct thread_group *group_alloc(struct container *c, struct sighand *sighand)
{
    struct thread_group *g = slab_alloc(c->arena, &group_slab);

    if (!g) {
        sighand_put(sighand);
        return NULL;
    }
    ref_init(&g->ref);
    g->arena = c->arena;
    g->container = task_container_get(c);
    g->sighand = sighand;
    mutex_init(&g->lock, RANK_GROUP);
    list_init(&g->all);
    list_init(&g->tasks);
    list_init(&g->pgrp_node);
    list_init(&g->session_node);
    list_init(&g->children);
    list_init(&g->sibling);
    list_init(&g->pending.queue);
    waitq_init(&g->child_waitq);
    waitq_init(&g->signal_waitq);
    g->exit_signal = SIGCHLD;
    return g;
}

struct thread_group *group_get(struct thread_group *g)
{
    ref_get(&g->ref);
    return g;
}

void group_put(struct thread_group *g)
{
    if (!g || !ref_put(&g->ref))
        return;
    assert(list_empty(&g->tasks) && list_empty(&g->children) && list_empty(&g->pending.queue));
    waitq_destroy(&g->child_waitq);
    waitq_destroy(&g->signal_waitq);
    timers_free(g);
    sighand_put(g->sighand);
    pid_put(g->pid);
    task_container_put(g->container);
    slab_free(g);
}

/* A thread that is born into a stop takes part in it. */
static void join_stop_locked(struct thread_group *g, struct task *t)
{
    if (g->stop_count == 0 && !(g->flags & GROUP_STOPPED))
        return;
    t->stopping = true;
    g->stop_count++;
    task_set_work(t, TASK_STOP);
}

int group_add_task_locked(struct thread_group *g, struct task *t, struct pid *pid)
{
    struct tasks *ts = tasks_of(g->arena);

    mutex_lock(&g->lock);
    if (g->flags & GROUP_EXITING || g->exec_task) {
        mutex_unlock(&g->lock);
        return -EINTR;
    }
    t->pid = pid;
    pid->task = t;
    task_get(t); /* the tables' reference */
    if (list_empty(&g->tasks)) {
        g->leader = t;
        g->pid = pid_get(pid);
    }
    list_push_back(&g->tasks, &t->group_node);
    g->nlive++;
    atomic_store(&t->life, TASK_ALIVE);
    join_stop_locked(g, t);
    if (atomic_load(&g->container->frozen))
        task_set_work(t, TASK_FROZEN);
    bool first = g->leader == t;
    mutex_unlock(&g->lock);
    if (!first)
        return 0;
    pid->group = g;
    group_get(g); /* the tables' reference */
    list_push_back(&ts->groups, &g->all);
    return 0;
}

struct sighand *group_sighand_get(struct thread_group *g)
{
    mutex_lock(&g->lock);
    struct sighand *s = sighand_get(g->sighand);
    mutex_unlock(&g->lock);
    return s;
}

uint32_t group_flags(struct thread_group *g)
{
    mutex_lock(&g->lock);
    uint32_t flags = g->flags;
    mutex_unlock(&g->lock);
    return flags;
}

void group_release_task_locked(struct task *t)
{
    struct thread_group *g = t->group;

    mutex_lock(&g->lock);
    atomic_store(&t->life, TASK_DEAD);
    list_del(&t->group_node);
    if (g->leader == t)
        g->leader = NULL;
    struct task *waits = g->exec_task;
    mutex_unlock(&g->lock);
    if (waits)
        task_wake(waits);
    t->pid->task = NULL;
    pid_release_locked(t->pid);
    task_container_leave_locked(g->container);
    if (t->charged)
        user_uncharge(t->arena, t->charged_uid, USER_TASKS);
    task_put(t);
}

/* Is there somebody who waits for all, or for one that has no parent? Most have parents only. */
static bool is_awaited_locked(const struct thread_group *g)
{
    return !g->parent || pid_ns_is_dead(pid_ns_of(g->pid));
}

void group_release_locked(struct thread_group *g)
{
    struct tasks *ts = tasks_of(g->arena);
    bool awaited = is_awaited_locked(g);

    g->zombie = false;
    list_del(&g->sibling);
    g->parent = NULL;
    g->parent_task = NULL;
    session_leave_locked(g);
    g->pid->group = NULL;
    if (g->leader)
        group_release_task_locked(g->leader);
    list_del(&g->all);
    if (awaited)
        waitq_wake(&ts->idle, 0);
    group_put(g);
}

struct thread_group *group_find(const struct task *viewer, int tgid)
{
    struct tasks *ts = tasks_of(viewer->arena);
    struct thread_group *found = NULL;

    mutex_lock(&ts->lock);
    struct pid *p = pid_find_locked(pid_ns_of(viewer->pid), tgid);
    if (p && p->group)
        found = group_get(p->group);
    mutex_unlock(&ts->lock);
    return found;
}

struct task *group_leader(struct thread_group *g)
{
    mutex_lock(&g->lock);
    struct task *t = g->leader ? task_get(g->leader) : NULL;
    mutex_unlock(&g->lock);
    return t;
}

struct task *group_any_live(struct thread_group *g)
{
    struct task *t, *found = NULL;

    mutex_lock(&g->lock);
    list_for_each (t, &g->tasks, group_node) {
        if (atomic_load(&t->life) != TASK_ALIVE)
            continue;
        found = task_get(t);
        break;
    }
    mutex_unlock(&g->lock);
    return found;
}

const struct cred *group_cred_get(struct thread_group *g)
{
    scoped(task) struct task *leader = group_leader(g);
    scoped(task) struct task *any = leader ? NULL : group_any_live(g);

    if (!leader && !any)
        return NULL;
    return task_cred_get(leader ? leader : any);
}

struct task *group_next_task(struct thread_group *g, struct task *t)
{
    struct task *next = NULL;

    mutex_lock(&g->lock);
    if (!t)
        next = list_first(&g->tasks, struct task, group_node);
    else if (list_is_linked(&t->group_node))
        next = list_next(&g->tasks, t, group_node);
    if (next)
        task_get(next);
    mutex_unlock(&g->lock);
    return next;
}

uint32_t group_task_count(struct thread_group *g)
{
    mutex_lock(&g->lock);
    uint32_t n = (uint32_t)list_len(&g->tasks);
    mutex_unlock(&g->lock);
    return n;
}

void group_kill_locked(struct thread_group *g, int exit_code)
{
    struct task *t;

    if (!(g->flags & GROUP_EXITING)) {
        g->flags = (g->flags & GROUP_UNKILLABLE) | GROUP_EXITING;
        g->exit_code = exit_code;
    }
    g->stop_count = 0;
    list_for_each (t, &g->tasks, group_node) {
        t->stopping = false;
        task_set_work(t, TASK_KILLED);
    }
}

void group_kill(struct thread_group *g, int exit_code)
{
    mutex_lock(&g->lock);
    group_kill_locked(g, exit_code);
    mutex_unlock(&g->lock);
}
