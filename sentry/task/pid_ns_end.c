/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a pid namespace: when its init ends, all others in it die first.
 *
 *   source    pid_namespaces(7); kernel/pid_namespace.c, zap_pid_ns_processes(), Linux 6.6
 */
#include <signal.h>

#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"

/* Kills all but `self`. Once is enough: there are no new numbers in a dead namespace. */
static void kill_others_locked(struct pid_ns *ns, struct thread_group *self)
{
    struct thread_group *child;
    struct list *next;
    struct pid *p;

    list_for_each_safe (child, next, &self->children, sibling) {
        if (child->zombie)
            group_release_locked(child);
    }
    for (int nr = 1; (p = pid_next_locked(ns, nr, &nr)); nr++) {
        if (p->group && p->group != self)
            group_kill(p->group, SIGKILL);
    }
}

/* Is any of them left? All below `*nr` have gone: it moves up. */
static bool others_left_locked(struct pid_ns *ns, const struct thread_group *self, int *nr)
{
    struct pid *p;

    for (; (p = pid_next_locked(ns, *nr, nr)); (*nr)++) {
        if (p->group && p->group != self)
            return true;
    }
    return false;
}

void pid_ns_end(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);
    struct thread_group *g = t->group;
    struct pid_ns *ns = pid_ns_of(g->pid);
    struct quiet_wait w;
    bool left = true;
    int nr = 1;

    mutex_lock(&ts->lock);
    bool is_init = ns->reaper == g;
    if (is_init) {
        ns->dead = true;
        mutex_lock(&g->lock);
        g->flags |= GROUP_REAPS_ALL;
        mutex_unlock(&g->lock);
        kill_others_locked(ns, g);
    }
    mutex_unlock(&ts->lock);
    if (!is_init)
        return;
    quiet_wait_begin(&w, &ts->idle, &t->park);
    while (left) {
        park_prepare(&t->park);
        mutex_lock(&ts->lock);
        left = others_left_locked(ns, g, &nr);
        mutex_unlock(&ts->lock);
        int err = left ? park_wait(&t->park, NSEC_NEVER) : 0;
        (void)err; /* EINTR: look again */
    }
    quiet_wait_end(&w, &ts->idle);
}
