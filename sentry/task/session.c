/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and process groups: who is in which, and which are orphaned. */
#include "sentry/task/session.h"

#include <signal.h>

#include "sentry/core/slab.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

static const struct slab_type session_slab = SLAB_TYPE(session, struct session);

struct session *session_get(struct session *s)
{
    ref_get(&s->ref);
    return s;
}

void session_put(struct session *s)
{
    if (!s || !ref_put(&s->ref))
        return;
    pid_put(s->pid);
    slab_free(s);
}

static void pgrp_leave_locked(struct thread_group *g)
{
    struct pid *pgrp = g->pgrp;

    if (!pgrp)
        return;
    list_del(&g->pgrp_node);
    g->pgrp = NULL;
    pid_release_locked(pgrp);
    pid_put(pgrp);
}

static void pgrp_join_locked(struct thread_group *g, struct pid *pgrp)
{
    g->pgrp = pid_get(pgrp);
    list_push_back(&pgrp->pgrp, &g->pgrp_node);
}

void session_leave_locked(struct thread_group *g)
{
    struct session *s = g->session;

    pgrp_leave_locked(g);
    if (!s)
        return;
    list_del(&g->session_node);
    g->session = NULL;
    if (list_empty(&s->groups)) {
        s->pid->session = NULL;
        pid_release_locked(s->pid);
    }
    session_put(s);
}

void session_inherit_locked(struct thread_group *g, const struct thread_group *parent)
{
    g->tty_left = parent->tty_left;
    g->session = session_get(parent->session);
    list_push_back(&g->session->groups, &g->session_node);
    pgrp_join_locked(g, parent->pgrp);
}

int session_start_locked(struct thread_group *g)
{
    struct session *s = slab_alloc(g->arena, &session_slab);

    if (!s)
        return -ENOMEM;
    ref_init(&s->ref);
    list_init(&s->groups);
    s->pid = pid_get(g->pid);
    s->leader = g;
    session_leave_locked(g);
    g->tty_left = false;
    s->pid->session = s;
    g->session = s;
    list_push_back(&s->groups, &g->session_node);
    pgrp_join_locked(g, g->pid);
    return 0;
}

int session_create(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g = t->group;
    int err = -EPERM;

    mutex_lock(&ts->lock);
    if (list_empty(&g->pid->pgrp) && g->session->leader != g)
        err = session_start_locked(g);
    mutex_unlock(&ts->lock);
    return err ? err : task_tgid(t, t);
}

/* setpgid(2): whom may `t` move? */
static int find_mover_locked(struct task *t, int pid, struct thread_group **out)
{
    struct thread_group *self = t->group;
    struct pid *p = pid ? pid_find_locked(pid_ns_of(t->pid), pid) : self->pid;
    struct thread_group *g = p ? p->group : NULL;

    /* a thread that leads nothing is not a process */
    if (!g && p && p->task)
        return -EINVAL;
    if (!g)
        return -ESRCH;
    if (g != self && g->parent != self)
        return -ESRCH;
    if (g != self && g->session != self->session)
        return -EPERM;
    if (g != self && g->execed)
        return -EACCES;
    if (g->session->leader == g)
        return -EPERM;
    *out = g;
    return 0;
}

static int set_pgrp_locked(struct task *t, int pid, int pgid)
{
    struct thread_group *g, *other;
    bool same_session = false;

    int err = find_mover_locked(t, pid, &g);
    if (err)
        return err;
    struct pid *pgrp = pgid ? pid_find_locked(pid_ns_of(t->pid), pgid) : g->pid;
    if (pgrp != g->pid) {
        if (!pgrp)
            return -EPERM;
        list_for_each (other, &pgrp->pgrp, pgrp_node)
            same_session |= other->session == t->group->session;
        if (!same_session)
            return -EPERM;
    }
    if (g->pgrp == pgrp)
        return 0;
    pid_get(pgrp);
    pgrp_leave_locked(g);
    pgrp_join_locked(g, pgrp);
    pid_put(pgrp);
    return 0;
}

int session_set_pgrp(struct task *t, int pid, int pgid)
{
    struct tasks *ts = tasks_of(t->arena);

    if ((pgid ? pgid : pid) < 0)
        return -EINVAL;
    mutex_lock(&ts->lock);
    int err = set_pgrp_locked(t, pid, pgid);
    mutex_unlock(&ts->lock);
    return err;
}

/*
 * Does `g` tie its process group to the rest of its session? An init that has adopted it
 * does not count, though here it may be a shell, and of the same session.
 */
static bool ties(const struct thread_group *g)
{
    const struct thread_group *parent = g->parent;

    if (g->owned && !g->zombie)
        return true; /* the parent is outside, in a session that ours is a part of */
    return parent && !g->adopted && !g->zombie && parent->pgrp != g->pgrp &&
           parent->session == g->session;
}

/* As Linux's will_become_orphaned_pgrp(): `leaving` (may be NULL) does not count any more. */
static bool is_orphaned(struct pid *pgrp, const struct thread_group *leaving)
{
    struct thread_group *g;

    list_for_each (g, &pgrp->pgrp, pgrp_node) {
        if (g != leaving && ties(g))
            return false;
    }
    return true;
}

bool pgrp_is_orphaned_locked(struct pid *pgrp)
{
    return is_orphaned(pgrp, NULL);
}

static bool has_stopped_member(struct pid *pgrp)
{
    struct thread_group *g;
    bool stopped = false;

    list_for_each (g, &pgrp->pgrp, pgrp_node) {
        mutex_lock(&g->lock);
        stopped |= g->flags & GROUP_STOPPED;
        mutex_unlock(&g->lock);
    }
    return stopped;
}

void session_orphan_check_locked(struct thread_group *g, struct thread_group *father)
{
    const struct thread_group *leaving = father ? NULL : g;

    if (!father)
        father = g->parent;
    if (!father || father->pgrp == g->pgrp || father->session != g->session)
        return;
    if (!is_orphaned(g->pgrp, leaving) || !has_stopped_member(g->pgrp))
        return;
    signal_send_pgrp_locked(g->pgrp, SIGHUP);
    signal_send_pgrp_locked(g->pgrp, SIGCONT);
}
