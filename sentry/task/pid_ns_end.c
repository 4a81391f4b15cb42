/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a pid namespace: when its init ends, all others in it die first.
 *
 *   source    pid_namespaces(7); kernel/pid_namespace.c, zap_pid_ns_processes(), Linux 6.6
 */
#include <signal.h>

#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"

/* Kills all but `self`. Whether any of them is left. */
static bool kill_others_locked(struct pid_ns *ns, struct thread_group *self)
{
    struct thread_group *child;
    struct list *next;
    struct pid *p;
    bool left = false;

    list_for_each_safe (child, next, &self->children, sibling) {
        if (child->zombie)
            group_release_locked(child);
    }
    for (int nr = 1; (p = pid_next_locked(ns, nr, &nr)); nr++) {
        if (!p->group || p->group == self)
            continue;
        left = true;
        group_kill(p->group, SIGKILL);
    }
    return left;
}

void pid_ns_end(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g = t->group;
    struct pid_ns *ns = pid_ns_of(g->pid);
    struct quiet_wait w;
    bool left = true;

    mutex_lock(&ts->lock);
    bool is_init = ns->reaper == g;
    if (is_init) {
        ns->dead = true;
        mutex_lock(&g->lock);
        g->flags |= GROUP_REAPS_ALL;
        mutex_unlock(&g->lock);
    }
    mutex_unlock(&ts->lock);
    if (!is_init)
        return;
    quiet_wait_begin(&w, &ts->idle, &t->park);
    while (left) {
        park_prepare(&t->park);
        mutex_lock(&ts->lock);
        left = kill_others_locked(ns, g);
        mutex_unlock(&ts->lock);
        int err = left ? park_wait(&t->park, NSEC_NEVER) : 0;
        (void)err; /* EINTR: look again */
    }
    quiet_wait_end(&w, &ts->idle);
}
