/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May one task look into another?
 *
 *   source    ptrace(2), "Ptrace access mode checking"; kernel/ptrace.c, Linux 6.6
 */
#include <linux/capability.h>

#include "sentry/task/task_priv.h"

#define DUMPABLE_YES 1

static bool same_ids(const struct cred *to, uint32_t uid, uint32_t gid)
{
    return to->ruid == uid && to->euid == uid && to->suid == uid && to->rgid == gid &&
           to->egid == gid && to->sgid == gid;
}

/* Are all that `to` may do things that `from` may do? */
static bool covers(const struct cred *from, const struct cred *to)
{
    if (from->user_ns == to->user_ns && !(to->cap_permitted & ~from->cap_permitted))
        return true;
    return cred_ns_capable(from, to->user_ns, CAP_SYS_PTRACE);
}

static int check(struct task *t, struct task *other, uint32_t uid, uint32_t gid)
{
    if (t->group == other->group)
        return 0;
    const struct cred *to = task_cred_get(other);
    bool power = cred_ns_capable(t->cred, to->user_ns, CAP_SYS_PTRACE);
    bool ok = (same_ids(to, uid, gid) || power) && covers(t->cred, to);
    cred_put((struct cred *)to);
    scoped(mm) struct mm *mm = task_mm_get(other);
    if (ok && mm && mm_dumpable(mm) != DUMPABLE_YES && !power)
        ok = false;
    return ok ? 0 : -EPERM;
}

int task_may_access(struct task *t, struct task *other)
{
    return check(t, other, t->cred->fsuid, t->cred->fsgid);
}

int task_may_attach(struct task *t, struct task *other)
{
    return check(t, other, t->cred->ruid, t->cred->rgid);
}
