/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, and what has been used: getrlimit(2), getrusage(2), times(2). */
#include <linux/capability.h>
#include <sys/times.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/timers.h"
#include "sentry/task/usage.h"

#define NR_OPEN_MAX 1048576u /* /proc/sys/fs/nr_open */

/* getrlimit(2), "prlimit()": the same ids throughout, or CAP_SYS_RESOURCE. */
static int may_limit(struct task *t, struct task *other)
{
    if (t->group == other->group)
        return 0;
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(other);
    const struct cred *me = t->cred;
    bool same = me->ruid == c->euid && me->ruid == c->suid && me->ruid == c->ruid &&
                me->rgid == c->egid && me->rgid == c->sgid && me->rgid == c->rgid;
    return same || cred_ns_capable(me, c->user_ns, CAP_SYS_RESOURCE) ? 0 : -EPERM;
}

static int change(struct task *t, struct thread_group *g, int which, const struct rlimit *new,
                  struct rlimit *old)
{
    int err = 0;

    if (which < 0 || which >= LIMIT_COUNT)
        return -EINVAL;
    if (new &&new->rlim_cur > new->rlim_max)
        return -EINVAL;
    if (new &&which == RLIMIT_NOFILE &&new->rlim_max > NR_OPEN_MAX)
        return -EPERM;
    mutex_lock(&g->lock);
    old->rlim_cur = limit_soft(&g->limits, which);
    old->rlim_max = limit_hard(&g->limits, which);
    if (new &&new->rlim_max > old->rlim_max && !task_root_capable(t, CAP_SYS_RESOURCE))
        err = -EPERM;
    else if (new)
        limit_set(&g->limits, which, new->rlim_cur, new->rlim_max);
    mutex_unlock(&g->lock);
    if (!err && new &&which == RLIMIT_CPU)
        timers_cpu_limit(g);
    return err;
}

long sys_prlimit64(struct task *t, int pid, int resource, uptr_t new_limit, uptr_t old_limit)
{
    struct rlimit new, old;
    bool set = !uptr_is_null(new_limit);

    if (set && copy_in_struct(t->mm, &new, new_limit) != 0)
        return -EFAULT;
    scoped(task) struct task *other = pid ? task_find(t, pid) : task_get(t);
    if (!other)
        return -ESRCH;
    int err = may_limit(t, other);
    if (!err)
        err = change(t, other->group, resource, set ? &new : NULL, &old);
    if (err || uptr_is_null(old_limit))
        return err;
    return copy_out_struct(t->mm, old_limit, &old);
}

long sys_getrlimit(struct task *t, int resource, uptr_t rlim)
{
    struct rlimit old;

    int err = change(t, t->group, resource, NULL, &old);
    return err ? err : copy_out_struct(t->mm, rlim, &old);
}

long sys_setrlimit(struct task *t, int resource, uptr_t rlim)
{
    struct rlimit new, old;

    if (copy_in_struct(t->mm, &new, rlim) != 0)
        return -EFAULT;
    return change(t, t->group, resource, &new, &old);
}

long sys_getrusage(struct task *t, int who, uptr_t usage)
{
    struct usage u, all;
    struct rusage out;

    switch (who) {
    case RUSAGE_SELF:
        usage_of_group(t->group, &u);
        break;
    case RUSAGE_CHILDREN:
        usage_of_children(t->group, &u);
        break;
    case RUSAGE_THREAD:
        usage_of_task(t, &u);
        usage_of_group(t->group, &all);
        u.maxrss = all.maxrss;
        break;
    default:
        return -EINVAL;
    }
    usage_print(&u, &out);
    return copy_out_struct(t->mm, usage, &out);
}

long sys_times(struct task *t, uptr_t buf)
{
    struct usage self, children;

    if (!uptr_is_null(buf)) {
        usage_of_group(t->group, &self);
        usage_of_children(t->group, &children);
        struct tms out = {
            .tms_utime = usage_ticks(self.user),
            .tms_stime = usage_ticks(self.sys),
            .tms_cutime = usage_ticks(children.user),
            .tms_cstime = usage_ticks(children.sys),
        };
        if (copy_out_struct(t->mm, buf, &out) != 0)
            return -EFAULT;
    }
    return usage_ticks(task_now(t, CLOCK_ID_MONOTONIC));
}
