/* SPDX-License-Identifier: Apache-2.0 */
/* Visits to many tasks under one lock. */
#include "sentry/task/visit.h"

#include <linux/capability.h>

#include "sentry/task/task_priv.h"

static void visit_group(struct thread_group *g, void (*see)(struct task *, void *), void *arg)
{
    struct task *t;

    list_for_each (t, &g->tasks, group_node) {
        if (atomic_load(&t->life) < TASK_ZOMBIE)
            see(t, arg);
    }
}

static void visit_pgrp(struct pid *pgrp, void (*see)(struct task *, void *), void *arg)
{
    struct thread_group *g;

    if (!pgrp)
        return;
    list_for_each (g, &pgrp->pgrp, pgrp_node)
        visit_group(g, see, arg);
}

struct of_user {
    uint32_t uid;
    void (*see)(struct task *, void *);
    void *arg;
};

static void see_if_users(struct task *t, void *arg)
{
    struct of_user *u = arg;

    mutex_lock(&t->lock);
    bool same = t->cred->ruid == u->uid;
    mutex_unlock(&t->lock);
    if (same)
        u->see(t, u->arg);
}

static void visit_user(struct task *t, uint32_t uid, void (*see)(struct task *, void *), void *arg)
{
    struct pid_ns *ns = pid_ns_of(t->pid);
    struct of_user u = { .uid = uid, .see = see, .arg = arg };
    struct pid *p;

    for (int nr = 1; (p = pid_next_locked(ns, nr, &nr)); nr++) {
        if (p->group)
            visit_group(p->group, see_if_users, &u);
    }
}

int tasks_visit(struct task *t, enum visit_kind kind, uint32_t who,
                void (*see)(struct task *, void *), void *arg)
{
    struct tasks *ts = tasks_of(t->arena);
    struct pid_ns *ns = pid_ns_of(t->pid);
    uint32_t uid = who ? user_ns_uid_in(t->cred->user_ns, who) : t->cred->ruid;

    mutex_lock(&ts->lock);
    if (kind == VISIT_TASK) {
        struct pid *p = who ? pid_find_locked(ns, (int)who) : t->pid;
        if (p && p->task)
            see(p->task, arg);
    } else if (kind == VISIT_PGRP) {
        visit_pgrp(who ? pid_find_locked(ns, (int)who) : t->group->pgrp, see, arg);
    } else if (uid != ID_NONE) {
        visit_user(t, uid, see, arg);
    }
    mutex_unlock(&ts->lock);
    return 0;
}

int task_set_nice(struct task *t, struct task *other, int nice)
{
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(other);
    const struct cred *me = t->cred;
    bool power = cred_ns_capable(me, c->user_ns, CAP_SYS_NICE);

    if (me->euid != c->ruid && me->euid != c->euid && !power)
        return -EPERM;
    /* RLIMIT_NICE counts from 1, the nicest, to 40 */
    if (nice < atomic_load(&other->nice) && !power &&
        (uint64_t)(20 - nice) > task_limit(other, RLIMIT_NICE))
        return -EACCES;
    atomic_store(&other->nice, nice);
    return 0;
}
