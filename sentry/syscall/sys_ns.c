/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: unshare(2), setns(2), and the names of the machine. */
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/personality.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/group.h"
#include "sentry/task/ns.h"
#include "sentry/task/nsfile.h"
#include "sentry/task/nsproxy.h"
#include "sentry/task/pidfd.h"

#define NS_TYPES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNS)

long sys_unshare(struct task *t, uint64_t flags)
{
    return task_unshare(t, flags);
}

/* All of those that `types` names, of one process: user first, since the others need its rights. */
static long enter_all(struct task *t, struct task *other, unsigned types)
{
    static const int order[] = { CLONE_NEWUSER, CLONE_NEWUTS, CLONE_NEWPID, CLONE_NEWNS };
    int err = task_may_access(t, other);

    for (size_t i = 0; !err && i < ARRAY_LEN(order); i++) {
        struct ns_ref ns = { 0 };
        if (!(types & (unsigned)order[i]))
            continue;
        err = ns_ref_of(other, order[i], false, &ns);
        if (!err)
            err = ns_ref_enter(t, &ns);
        ns_ref_put(&ns);
    }
    return err;
}

long sys_setns(struct task *t, int fd, unsigned nstype)
{
    scoped(file) struct file *f = task_file_any(t, fd);

    if (!f)
        return -EBADF;
    struct pid *pid = pidfd_pid(f);
    if (pid) {
        if (!nstype || nstype & ~(unsigned)NS_TYPES)
            return -EINVAL;
        scoped(group) struct thread_group *g = pidfd_group(t->arena, pid);
        scoped(task) struct task *other = g ? group_any_live(g) : NULL;
        return other ? enter_all(t, other, nstype) : -ESRCH;
    }
    const struct ns_ref *ns = nsfile_ref(f);
    if (!ns || (nstype && nstype != (unsigned)ns->type))
        return -EINVAL;
    return ns_ref_enter(t, ns);
}

long sys_uname(struct task *t, uptr_t buf)
{
    struct utsname names;

    uts_ns_print(t->uts, &names);
    /* PER_LINUX32 programs think of a smaller machine */
    if ((atomic_load(&t->personality) & 0xff) == PER_LINUX32)
        snprintf(names.machine, sizeof names.machine, "i686");
    if (atomic_load(&t->personality) & UNAME26)
        snprintf(names.release, sizeof names.release, UTS_RELEASE_26);
    return copy_out_struct(t->mm, buf, &names);
}

static int copy_name(struct task *t, uptr_t from, int len, char *name)
{
    if (!cred_ns_capable(t->cred, t->uts->user_ns, CAP_SYS_ADMIN))
        return -EPERM;
    if (len < 0 || len > UTS_NAME_MAX)
        return -EINVAL;
    return copy_in(t->mm, name, from, (size_t)len);
}

long sys_sethostname(struct task *t, uptr_t name, int len)
{
    char to[UTS_NAME_MAX];

    int err = copy_name(t, name, len, to);
    if (!err)
        uts_ns_set_nodename(t->uts, to, (size_t)len);
    return err;
}

long sys_setdomainname(struct task *t, uptr_t name, int len)
{
    char to[UTS_NAME_MAX];

    int err = copy_name(t, name, len, to);
    if (!err)
        uts_ns_set_domainname(t->uts, to, (size_t)len);
    return err;
}
