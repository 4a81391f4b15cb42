/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes in credentials. A message may be read long after its sender has ended, so what
 * travels is the number in the outermost pid namespace, which everybody can be told his
 * own view of.
 */
#include "sentry/syscall/sock_hooks.h"

#include <linux/capability.h>

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

static bool may_claim(struct task *t, int pid, uint32_t uid, uint32_t gid)
{
    const struct cred *own = t->cred;
    const struct pid_ns *pids = pid_ns_of(t->pid);

    if (pid != pid_nr(t->group->pid, pids) && !cred_ns_capable(own, pids->user_ns, CAP_SYS_ADMIN))
        return false;
    if (uid != own->ruid && uid != own->euid && uid != own->suid &&
        !cred_ns_capable(own, own->user_ns, CAP_SETUID))
        return false;
    return gid == own->rgid || gid == own->egid || gid == own->sgid ||
           cred_ns_capable(own, own->user_ns, CAP_SETGID);
}

int sock_claim(struct task *t, struct ucred *c)
{
    struct tasks *ts = tasks_of(t->arena);
    uint32_t uid = user_ns_uid_in(t->cred->user_ns, c->uid);
    uint32_t gid = user_ns_gid_in(t->cred->user_ns, c->gid);

    if (uid == ID_NONE || gid == ID_NONE)
        return -EINVAL;
    if (!may_claim(t, c->pid, uid, gid))
        return -EPERM;
    mutex_lock(&ts->lock);
    const struct pid *p = pid_find_locked(pid_ns_of(t->pid), c->pid);
    if (p)
        c->pid = pid_nr(p, ts->pid_ns);
    mutex_unlock(&ts->lock);
    return p ? 0 : -ESRCH;
}

const struct sock_hooks syscall_sock_hooks = { .cred = cred_of, .pid_out = pid_out };
