/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes in credentials. A message may be read long after its sender has ended, so what
 * travels is the number in the outermost pid namespace, which everybody can be told his
 * own view of.
 */
#include "sentry/syscall/sock_hooks.h"

#include "sentry/task/group.h"
#include "sentry/task/pid.h"
#include "sentry/task/tasks.h"

static void cred_of(struct task *t, struct sock_cred *out)
{
    out->pid = (uint32_t)pid_nr(t->group->pid, tasks_of(t->arena)->pid_ns);
    out->uid = t->cred->euid;
    out->gid = t->cred->egid;
}

static int pid_out(struct arena *a, uint32_t nr, struct task *viewer)
{
    struct tasks *ts = tasks_of(a);
    const struct pid_ns *ns = pid_ns_of(viewer->pid);

    if (ns == ts->pid_ns)
        return (int)nr;
    mutex_lock(&ts->lock);
    const struct pid *p = pid_find_locked(ts->pid_ns, (int)nr);
    int seen = p ? pid_nr(p, ns) : 0;
    mutex_unlock(&ts->lock);
    return seen;
}

int sock_pid_in(struct task *t, int nr, uint32_t *out)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    const struct pid *p = pid_find_locked(pid_ns_of(t->pid), nr);
    if (p)
        *out = (uint32_t)pid_nr(p, ts->pid_ns);
    mutex_unlock(&ts->lock);
    return p ? 0 : -ESRCH;
}

const struct sock_hooks syscall_sock_hooks = { .cred = cred_of, .pid_out = pid_out };
