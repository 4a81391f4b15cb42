/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving between namespaces.
 *
 * A task's namespaces hang on different hooks: the user namespace on its credentials,
 * the mount namespace on its fs_context, the uts and ipc namespaces on itself, and the
 * pid namespace on its number, which never changes: only its children's can.
 *
 *   source    namespaces(7), unshare(2), setns(2); kernel/nsproxy.c, Linux 6.6
 */
#include "sentry/task/nsproxy.h"

#include <linux/capability.h>
#include <sched.h>

#include "sentry/task/ns.h"
#include "sentry/task/sighand.h"
#include "sentry/task/task_ipc.h"
#include "sentry/task/task_priv.h"
#include "sentry/vfs/mount.h"

#define CLONE_NEWTIME_    0x80u
#define UNSHARE_NS_ABSENT (CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME_)
#define UNSHARE_NS        (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID)
#define UNSHARE_KNOWN                                                                          \
    (UNSHARE_NS_ABSENT | UNSHARE_NS | CLONE_SYSVSEM | CLONE_NEWUSER | CLONE_FS | CLONE_FILES | \
     CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

/* ---- user namespaces ---- */

/* Everything is allowed in there, and nothing of it outside. */
static int cred_in(struct task *t, struct user_ns *ns, struct cred **out)
{
    int err = cred_copy(t->cred, out);

    if (err)
        return err;
    struct cred *c = *out;
    struct user_ns *old = c->user_ns;
    c->user_ns = user_ns_get(ns);
    user_ns_put(old);
    c->securebits = 0;
    c->cap_inheritable = 0;
    c->cap_permitted = c->cap_effective = c->cap_bounding = CAPS_ALL;
    c->cap_ambient = 0;
    return 0;
}

/* Is its root another than its mount namespace's? Such a one may not escape. */
static bool is_chrooted(struct task *t)
{
    struct path root, top;

    fs_context_root(t->fs, &root);
    mnt_ns_root(fs_context_mnt_ns(t->fs), &top);
    bool chrooted = root.dentry != top.dentry || root.mnt != top.mnt;
    path_put(&root);
    path_put(&top);
    return chrooted;
}

int user_ns_enter_new(struct task *t, struct cred **out)
{
    struct user_ns *ns;

    if (is_chrooted(t))
        return -EPERM;
    int err = user_ns_create(t->cred->user_ns, t->cred, tasks_ns_ino(t->arena), &ns);
    if (err)
        return err;
    err = cred_in(t, ns, out);
    user_ns_put(ns);
    return err;
}

/* ---- unshare ---- */

static int check_unshare(struct task *t, uint64_t flags)
{
    bool alone = group_task_count(t->group) == 1;
    bool own_hand = ref_count(&t->group->sighand->ref) == 1;

    if (flags & ~(uint64_t)UNSHARE_KNOWN)
        return -EINVAL;
    /* what threads share by nature cannot be taken apart */
    if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWUSER) && !alone)
        return -EINVAL;
    if (flags & (CLONE_SIGHAND | CLONE_VM) && !own_hand)
        return -EINVAL;
    return 0;
}

/* What unshare() has made, and not yet put in place. */
struct parts {
    struct cred *cred;
    struct fs_context *fs;
    struct fdtable *files;
    struct uts_ns *uts;
    struct ipc_ns *ipc;
    struct pid_ns *pid_ns;
};

static int make_fs(struct task *t, uint64_t flags, struct user_ns *owner, struct parts *p)
{
    struct mnt_ns *ns;

    if (!(flags & CLONE_NEWNS) && !(flags & CLONE_FS && fs_context_is_shared(t->fs)))
        return 0;
    int err = fs_context_copy(t->fs, &p->fs);
    if (err || !(flags & CLONE_NEWNS))
        return err;
    err = mnt_ns_copy(fs_context_mnt_ns(t->fs), owner, p->fs, &ns);
    if (!err)
        mnt_ns_put(ns); /* the context has its own */
    return err;
}

static int make_parts(struct task *t, uint64_t flags, struct parts *p)
{
    int err = flags & CLONE_NEWUSER ? user_ns_enter_new(t, &p->cred) : 0;

    if (err)
        return err;
    const struct cred *c = p->cred ? p->cred : t->cred;
    if (flags & (UNSHARE_NS | UNSHARE_NS_ABSENT) && !cred_capable(c, CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & UNSHARE_NS_ABSENT)
        return -EINVAL;
    err = make_fs(t, flags, c->user_ns, p);
    if (!err && flags & CLONE_FILES && fdtable_is_shared(t->files))
        err = fdtable_copy(t->files, &p->files);
    if (!err && flags & CLONE_NEWUTS)
        err = uts_ns_copy(t->uts, c->user_ns, &p->uts);
    if (!err && flags & CLONE_NEWIPC)
        err = ipc_ns_create(t->arena, c->user_ns, tasks_ns_ino(t->arena), &pid_ipc_hooks, &p->ipc);
    if (!err && flags & CLONE_NEWPID)
        err = t->pid_ns_children == pid_ns_of(t->pid)
                  ? pid_ns_create(t->arena, t->pid_ns_children, c->user_ns, &p->pid_ns)
                  : -EINVAL;
    return err;
}

#define SWAP(a, b)               \
    do {                         \
        __typeof__(a) swap_ = a; \
        (a) = (b);               \
        (b) = swap_;             \
    } while (0)

/* Debts are to the sets of one namespace. */
static void leave_ipc(struct task *t, uint64_t flags)
{
    if (flags & CLONE_NEWIPC)
        task_ipc_leave(t);
    else if (flags & CLONE_SYSVSEM)
        task_sem_exit(t);
}

/* Afterwards `p` has what was there before. */
static void take_parts(struct task *t, struct parts *p)
{
    mutex_lock(&t->lock);
    if (p->fs)
        SWAP(t->fs, p->fs);
    if (p->files)
        SWAP(t->files, p->files);
    if (p->uts)
        SWAP(t->uts, p->uts);
    if (p->ipc)
        SWAP(t->ipc, p->ipc);
    mutex_unlock(&t->lock);
    if (p->pid_ns)
        SWAP(t->pid_ns_children, p->pid_ns);
    if (p->cred)
        task_set_cred(t, keep(p->cred));
}

static void put_parts(struct task *t, struct parts *p)
{
    struct actor who;

    task_actor(t, &who);
    if (p->files)
        fdtable_put(p->files, &who);
    fs_context_put(p->fs);
    uts_ns_put(p->uts);
    ipc_ns_put(p->ipc);
    pid_ns_put(p->pid_ns);
    cred_put(p->cred);
}

int task_unshare(struct task *t, uint64_t flags)
{
    struct parts p = { 0 };

    /* some imply others */
    if (flags & CLONE_NEWUSER)
        flags |= CLONE_THREAD | CLONE_FS;
    if (flags & CLONE_NEWNS)
        flags |= CLONE_FS;
    if (flags & CLONE_VM)
        flags |= CLONE_SIGHAND;
    if (flags & CLONE_SIGHAND)
        flags |= CLONE_THREAD;
    int err = check_unshare(t, flags);
    if (!err)
        err = make_parts(t, flags, &p);
    if (!err) {
        leave_ipc(t, flags);
        take_parts(t, &p);
    }
    put_parts(t, &p);
    return err;
}

/* ---- one namespace of a task ---- */

int ns_ref_of(struct task *t, int type, bool children, struct ns_ref *out)
{
    *out = (struct ns_ref){ .type = type };
    switch (type) {
    case CLONE_NEWUSER: {
        const struct cred *c = task_cred_get(t);
        out->user = user_ns_get(c->user_ns);
        cred_put((struct cred *)c);
        return 0;
    }
    case CLONE_NEWPID: {
        struct tasks *ts = tasks_of(t->arena);
        mutex_lock(&ts->lock);
        bool gone = atomic_load(&t->life) >= TASK_ZOMBIE;
        out->pid = gone ? NULL : pid_ns_get(children ? t->pid_ns_children : pid_ns_of(t->pid));
        mutex_unlock(&ts->lock);
        return out->pid ? 0 : -ESRCH;
    }
    case CLONE_NEWUTS:
        out->uts = task_uts_get(t);
        return out->uts ? 0 : -ESRCH;
    case CLONE_NEWIPC:
        out->ipc = task_ipc_get(t);
        return out->ipc ? 0 : -ESRCH;
    case CLONE_NEWNS: {
        struct fs_context *fs = task_fs_get(t);
        out->mnt = fs ? mnt_ns_get(fs_context_mnt_ns(fs)) : NULL;
        fs_context_put(fs);
        return out->mnt ? 0 : -ESRCH;
    }
    default:
        return -EINVAL;
    }
}

void ns_ref_get(const struct ns_ref *from, struct ns_ref *out)
{
    *out = *from;
    switch (from->type) {
    case CLONE_NEWUSER:
        user_ns_get(from->user);
        return;
    case CLONE_NEWPID:
        pid_ns_get(from->pid);
        return;
    case CLONE_NEWUTS:
        uts_ns_get(from->uts);
        return;
    case CLONE_NEWIPC:
        ipc_ns_get(from->ipc);
        return;
    default:
        mnt_ns_get(from->mnt);
    }
}

void ns_ref_put(struct ns_ref *ns)
{
    switch (ns->type) {
    case CLONE_NEWUSER:
        user_ns_put(ns->user);
        return;
    case CLONE_NEWPID:
        pid_ns_put(ns->pid);
        return;
    case CLONE_NEWUTS:
        uts_ns_put(ns->uts);
        return;
    case CLONE_NEWIPC:
        ipc_ns_put(ns->ipc);
        return;
    case CLONE_NEWNS:
        mnt_ns_put(ns->mnt);
        return;
    default:
        return; /* empty */
    }
}

uint64_t ns_ref_ino(const struct ns_ref *ns)
{
    switch (ns->type) {
    case CLONE_NEWUSER:
        return ns->user->ino;
    case CLONE_NEWPID:
        return ns->pid->ino;
    case CLONE_NEWUTS:
        return ns->uts->ino;
    case CLONE_NEWIPC:
        return ns->ipc->ino;
    default:
        return mnt_ns_ino(ns->mnt);
    }
}

struct user_ns *ns_ref_owner(const struct ns_ref *ns)
{
    switch (ns->type) {
    case CLONE_NEWUSER:
        return ns->user->parent;
    case CLONE_NEWPID:
        return ns->pid->user_ns;
    case CLONE_NEWUTS:
        return ns->uts->user_ns;
    case CLONE_NEWIPC:
        return ns->ipc->user_ns;
    default:
        return mnt_ns_owner(ns->mnt);
    }
}

/* ---- setns ---- */

static int enter_user(struct task *t, struct user_ns *ns)
{
    struct cred *c;

    if (ns == t->cred->user_ns || group_task_count(t->group) > 1 || fs_context_is_shared(t->fs))
        return -EINVAL;
    if (!cred_ns_capable(t->cred, ns, CAP_SYS_ADMIN))
        return -EPERM;
    int err = cred_in(t, ns, &c);
    if (!err)
        task_set_cred(t, c);
    return err;
}

static int enter_pid(struct task *t, struct pid_ns *ns)
{
    if (!pid_ns_is_within(ns, pid_ns_of(t->pid)))
        return -EINVAL;
    struct pid_ns *old = t->pid_ns_children;
    t->pid_ns_children = pid_ns_get(ns);
    pid_ns_put(old);
    return 0;
}

static int enter_mnt(struct task *t, struct mnt_ns *ns)
{
    struct path root;

    if (!cred_capable(t->cred, CAP_SYS_CHROOT))
        return -EPERM;
    if (fs_context_is_shared(t->fs))
        return -EINVAL;
    mnt_ns_root(ns, &root);
    fs_context_set_mnt_ns(t->fs, ns);
    fs_context_set_root(t->fs, &root);
    fs_context_set_cwd(t->fs, &root);
    path_put(&root);
    return 0;
}

static int enter_uts(struct task *t, struct uts_ns *ns)
{
    uts_ns_get(ns);
    mutex_lock(&t->lock);
    SWAP(t->uts, ns);
    mutex_unlock(&t->lock);
    uts_ns_put(ns);
    return 0;
}

static int enter_ipc(struct task *t, struct ipc_ns *ns)
{
    task_ipc_leave(t);
    ipc_ns_get(ns);
    mutex_lock(&t->lock);
    SWAP(t->ipc, ns);
    mutex_unlock(&t->lock);
    ipc_ns_put(ns);
    return 0;
}

int ns_ref_enter(struct task *t, const struct ns_ref *ns)
{
    if (ns->type == CLONE_NEWUSER)
        return enter_user(t, ns->user);
    if (!cred_ns_capable(t->cred, ns_ref_owner(ns), CAP_SYS_ADMIN) ||
        !task_capable(t, CAP_SYS_ADMIN))
        return -EPERM;
    switch (ns->type) {
    case CLONE_NEWPID:
        return enter_pid(t, ns->pid);
    case CLONE_NEWNS:
        return enter_mnt(t, ns->mnt);
    case CLONE_NEWIPC:
        return enter_ipc(t, ns->ipc);
    default:
        return enter_uts(t, ns->uts);
    }
}
