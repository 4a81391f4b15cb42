/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and process groups. */
#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"
#include "sentry/task/pid.h"
#include "sentry/task/session.h"
#include "sentry/task/tasks.h"

enum which { PGRP, SESSION };

/* A number of the process `pid`, 0 for the caller's own. Errors: ESRCH. */
static long number_of(struct task *t, int pid, enum which which)
{
    struct tasks *ts = tasks_of(t->arena);
    struct pid_ns *ns = pid_ns_of(t->pid);
    long nr = -ESRCH;

    mutex_lock(&ts->lock);
    struct pid *p = pid ? pid_find_locked(ns, pid) : t->pid;
    struct thread_group *g = p && p->task ? p->task->group : p ? p->group : NULL;
    if (g)
        nr = pid_nr(which == PGRP ? g->pgrp : g->session->pid, ns);
    mutex_unlock(&ts->lock);
    return nr;
}

long sys_setsid(struct task *t)
{
    return session_create(t);
}

long sys_getsid(struct task *t, int pid)
{
    return number_of(t, pid, SESSION);
}

long sys_setpgid(struct task *t, int pid, int pgid)
{
    return session_set_pgrp(t, pid, pgid);
}

long sys_getpgid(struct task *t, int pid)
{
    return number_of(t, pid, PGRP);
}

long sys_getpgrp(struct task *t)
{
    return number_of(t, 0, PGRP);
}
