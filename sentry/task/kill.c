/* SPDX-License-Identifier: Apache-2.0 */
/* kill(2): who may send what to whom, and whom a number means. */
#include <linux/capability.h>

#include "sentry/task/session.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

static bool cred_allows(const struct cred *from, const struct cred *to)
{
    if (from->euid == to->suid || from->euid == to->ruid || from->ruid == to->suid ||
        from->ruid == to->ruid)
        return true;
    return cred_ns_capable(from, to->user_ns, CAP_KILL);
}

static int may_send_locked(struct task *t, struct thread_group *g, int sig)
{
    if (g == t->group)
        return 0;
    const struct cred *to = group_cred_get(g);
    bool allowed = to && cred_allows(t->cred, to);
    cred_put((struct cred *)to);
    /* job control crosses user ids within a session */
    if (!allowed && sig == SIGCONT && g->session && g->session == t->group->session)
        allowed = true;
    return allowed ? 0 : -EPERM;
}

int signal_may_send(struct task *t, struct thread_group *g, int sig)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    int err = may_send_locked(t, g, sig);
    mutex_unlock(&ts->lock);
    return err;
}

static int kill_one_locked(struct task *t, struct thread_group *g, int sig)
{
    struct abi_siginfo si;

    int err = may_send_locked(t, g, sig);
    if (err || !sig)
        return err;
    siginfo_user(&si, sig, t, SI_USER, g);
    return signal_send_group(g, sig, &si);
}

/* As Linux adds up the answers of many: success wins, then the last error. */
static void add_up(int err, int *result)
{
    if (*result == -ESRCH || *result < 0)
        *result = err;
}

static int kill_pgrp_locked(struct task *t, struct pid *pgrp, int sig)
{
    struct thread_group *g;
    int result = -ESRCH;

    if (!pgrp)
        return result;
    list_for_each (g, &pgrp->pgrp, pgrp_node)
        add_up(kill_one_locked(t, g, sig), &result);
    return result;
}

/* kill(-1): all but init and the caller's own process. */
static int kill_all_locked(struct task *t, int sig)
{
    struct pid_ns *ns = pid_ns_of(t->pid);
    struct pid *p;
    int result = -ESRCH;

    for (int nr = 2; (p = pid_next_locked(ns, nr, &nr)); nr++) {
        if (!p->group || p->group == t->group)
            continue;
        int err = kill_one_locked(t, p->group, sig);
        if (err != -EPERM)
            result = err;
        else if (result == -ESRCH)
            result = 0; /* as kill_something_info(): somebody was there */
    }
    return result;
}

static int kill_locked(struct task *t, int pid, int sig)
{
    struct pid_ns *ns = pid_ns_of(t->pid);

    if (pid > 0) {
        struct pid *p = pid_find_locked(ns, pid);
        struct thread_group *g = !p ? NULL : p->group ? p->group : p->task ? p->task->group : NULL;
        return g ? kill_one_locked(t, g, sig) : -ESRCH;
    }
    if (pid == -1)
        return kill_all_locked(t, sig);
    return kill_pgrp_locked(t, pid ? pid_find_locked(ns, -pid) : t->group->pgrp, sig);
}

int signal_kill(struct task *t, int pid, int sig)
{
    struct tasks *ts = tasks_of(t->arena);

    if (pid == INT32_MIN)
        return -ESRCH; /* its negative is no int */
    if (sig < 0 || sig > SIGNAL_COUNT)
        return -EINVAL;
    mutex_lock(&ts->lock);
    int err = kill_locked(t, pid, sig);
    mutex_unlock(&ts->lock);
    return err;
}
