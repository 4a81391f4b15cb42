/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new task is made in three steps: its parts are shared or copied, without locks and
 * undone by task_put() and its like; then, under RANK_TASKS, it gets its place in the
 * family, which is where a caller that is being killed gives up; then its host thread
 * starts.
 *
 *   source    clone(2); kernel/fork.c, copy_process(), Linux 6.6
 */
#include "sentry/task/clone.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "sentry/core/platform_ref.h"
#include "sentry/core/user.h"
#include "sentry/task/container.h"
#include "sentry/task/ns.h"
#include "sentry/task/nsproxy.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/session.h"
#include "sentry/task/sighand.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_ipc.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"
#include "sentry/vfs/mount.h"

#define CLONE_CLEAR_SIGHAND_ 0x100000000ull /* clone3 only: too wide for glibc's enum */
#define CLONE_NEWTIME_       0x80ull
#define CLONE_NS_ABSENT      (CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME_)
#define CLONE_NS_ALL         (CLONE_NS_ABSENT | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID)

/* ---- checks ---- */

static bool both(uint64_t flags, uint64_t a, uint64_t b)
{
    return flags & a && flags & b;
}

/* A namespace's init may not, nor who has no parent. */
static bool may_have_sister(struct thread_group *g)
{
    struct tasks *ts = tasks_of(g->arena);

    mutex_lock(&ts->lock);
    bool may = g->parent && pid_ns_of(g->pid)->reaper != g;
    mutex_unlock(&ts->lock);
    return may;
}

static int check_flags(struct task *t, const struct clone_request *r)
{
    uint64_t f = r->flags;

    if (both(f, CLONE_NEWNS, CLONE_FS) || both(f, CLONE_NEWUSER, CLONE_FS))
        return -EINVAL;
    if (f & CLONE_THREAD && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if (f & CLONE_SIGHAND && !(f & CLONE_VM))
        return -EINVAL;
    if (f & CLONE_PARENT && !may_have_sister(t->group))
        return -EINVAL;
    if (f & CLONE_THREAD &&
        (f & (CLONE_NEWUSER | CLONE_NEWPID) || t->pid_ns_children != pid_ns_of(t->pid)))
        return -EINVAL;
    if (f & CLONE_PIDFD && f & (CLONE_THREAD | CLONE_DETACHED))
        return -EINVAL;
    if (f & CLONE_SETTLS && r->tls >= mm_task_size(t->mm))
        return -EPERM;
    return 0;
}

/* Namespaces are made with the rights that the child has, so after CLONE_NEWUSER. */
static int check_namespaces(uint64_t flags, const struct cred *c)
{
    if (flags & CLONE_NS_ALL && !cred_capable(c, CAP_SYS_ADMIN))
        return -EPERM;
    return flags & CLONE_NS_ABSENT ? -EINVAL : 0;
}

/* Of each namespace in which it asks for a number. */
static int check_set_tid(struct task *t, const struct clone_request *r, const struct pid_ns *ns)
{
    if (r->set_tid_count > ns->level + 1)
        return -EINVAL;
    for (unsigned i = 0; i < r->set_tid_count; i++, ns = ns->parent) {
        if (!cred_ns_capable(t->cred, ns->user_ns, CAP_SYS_ADMIN) &&
            !cred_ns_capable(t->cred, ns->user_ns, CAP_CHECKPOINT_RESTORE))
            return -EPERM;
    }
    return 0;
}

/* ---- parts ---- */

static int copy_cred(struct task *t, struct task *child, uint64_t flags)
{
    struct cred *c;

    if (!(flags & CLONE_NEWUSER)) {
        child->cred = cred_get(t->cred);
        return 0;
    }
    int err = user_ns_enter_new(t, &c);
    if (!err)
        child->cred = c;
    return err;
}

static int charge(struct task *t, struct task *child)
{
    const struct cred *c = child->cred;
    bool exempt = c->ruid == 0 || task_root_capable(t, CAP_SYS_RESOURCE) ||
                  task_root_capable(t, CAP_SYS_ADMIN);

    child->charged_uid = c->ruid;
    int err = user_charge(t->arena, c->ruid, USER_TASKS,
                          exempt ? UINT64_MAX : task_limit(t, RLIMIT_NPROC));
    child->charged = !err;
    return err;
}

static int copy_mm(struct task *t, struct task *child, uint64_t flags)
{
    if (flags & CLONE_VM) {
        child->mm = mm_get(t->mm);
        return 0;
    }
    return mm_fork(t->mm, &child->group->limits, &child->mm);
}

static int copy_fs(struct task *t, struct task *child, uint64_t flags)
{
    struct mnt_ns *ns;

    if (flags & CLONE_FS) {
        child->fs = fs_context_get(t->fs);
        return 0;
    }
    int err = fs_context_copy(t->fs, &child->fs);
    if (err || !(flags & CLONE_NEWNS))
        return err;
    err = mnt_ns_copy(fs_context_mnt_ns(t->fs), child->cred->user_ns, child->fs, &ns);
    if (!err)
        mnt_ns_put(ns); /* the context has its own */
    return err;
}

static int copy_files(struct task *t, struct task *child, uint64_t flags)
{
    if (flags & CLONE_FILES) {
        child->files = fdtable_get(t->files);
        return 0;
    }
    return fdtable_copy(t->files, &child->files);
}

static int copy_namespaces(struct task *t, struct task *child, uint64_t flags)
{
    struct user_ns *owner = child->cred->user_ns;
    int err = check_namespaces(flags, child->cred);

    if (err)
        return err;
    if (flags & CLONE_NEWUTS)
        err = uts_ns_copy(t->uts, owner, &child->uts);
    else
        child->uts = uts_ns_get(t->uts);
    if (err)
        return err;
    err = task_ipc_clone(t, child, flags);
    if (err)
        return err;
    if (!(flags & CLONE_NEWPID)) {
        child->pid_ns_children = pid_ns_get(t->pid_ns_children);
        return 0;
    }
    if (t->pid_ns_children != pid_ns_of(t->pid))
        return -EINVAL;
    return pid_ns_create(t->arena, t->pid_ns_children, owner, &child->pid_ns_children);
}

static int copy_fpu(struct task *t, struct task *child)
{
    const struct platform_ref *p = platform_of(t->arena);
    size_t size = p->ops->fpu_size(p->platform);

    child->fpu = arena_alloc(t->arena, size);
    if (!child->fpu)
        return -ENOMEM;
    child->fpu_load = true;
    return p->ops->fpu_get(t->guest, child->fpu, size);
}

static void copy_regs(struct task *t, struct task *child, const struct clone_request *r)
{
    child->regs = *task_regs(t);
    child->regs.rax = 0;
    child->regs.orig_rax = UINT64_MAX;
    child->detour = t->detour;
    if (!uptr_is_null(r->stack))
        child->regs.rsp = r->stack.va;
    if (r->flags & CLONE_SETTLS)
        child->regs.fs_base = r->tls;
}

static void copy_scheduling(struct task *t, struct task *child)
{
    mutex_lock(&t->lock);
    memcpy(child->affinity, t->affinity, sizeof child->affinity);
    memcpy(child->name, t->name, sizeof child->name);
    mutex_unlock(&t->lock);
    child->nice = t->nice;
    child->policy = t->policy;
    if (atomic_load(&t->reset_on_fork))
        child->nice = max((int)t->nice, 0);
    child->ioprio = t->ioprio;
    child->timer_slack = t->timer_slack;
    child->mce_kill = t->mce_kill;
    child->personality = t->personality;
}

static void copy_signals(const struct task *t, struct task *child, const struct clone_request *r)
{
    child->blocked = t->blocked;
    /* a thread on the same memory must not share the stack */
    if ((r->flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
        return;
    child->sas_at = t->sas_at;
    child->sas_size = t->sas_size;
    child->sas_flags = t->sas_flags;
}

static int copy_parts(struct task *t, struct task *child, const struct clone_request *r)
{
    int err = copy_namespaces(t, child, r->flags);
    if (!err)
        err = check_set_tid(t, r, child->pid_ns_children);
    if (!err)
        err = copy_files(t, child, r->flags);
    if (!err)
        err = copy_fs(t, child, r->flags);
    if (!err)
        err = copy_mm(t, child, r->flags);
    if (!err)
        err = copy_fpu(t, child);
    if (err)
        return err;
    copy_signals(t, child, r);
    copy_scheduling(t, child);
    copy_regs(t, child, r);
    if (r->flags & CLONE_CHILD_CLEARTID)
        child->clear_tid = r->child_tid;
    if (r->flags & CLONE_VFORK)
        child->vfork_parent = task_get(t);
    return 0;
}

/* The process that the child is part of: the caller's, or a new one. NULL: no memory. */
static struct thread_group *make_group(struct task *t, const struct clone_request *r)
{
    struct thread_group *from = t->group;
    struct sighand *hand;

    if (r->flags & CLONE_THREAD)
        return group_get(from);
    hand = group_sighand_get(from);
    if (!(r->flags & CLONE_SIGHAND)) {
        struct sighand *copy = sighand_copy(hand);
        sighand_put(hand);
        hand = copy;
    }
    if (!hand)
        return NULL;
    if (r->flags & CLONE_CLEAR_SIGHAND_)
        sighand_reset(hand);
    struct thread_group *g = group_alloc(from->container, hand);
    if (!g)
        return NULL;
    limits_copy(&g->limits, &from->limits);
    atomic_store(&g->oom_score_adj, atomic_load(&from->oom_score_adj));
    g->oom_score_adj_min = from->oom_score_adj_min;
    return g;
}

/* ---- its place ---- */

static int take_number(struct task *t, struct task *child, const struct clone_request *r,
                       struct pid **out)
{
    struct tasks *ts = tasks_of(t->arena);
    struct container *c = t->group->container;

    mutex_lock(&ts->lock);
    int err = -EAGAIN;
    if (!ts->ended && task_container_enter_locked(c)) {
        err = pid_create_locked(ts, child->pid_ns_children, r->set_tid, r->set_tid_count, out);
        if (err)
            task_container_leave_locked(c);
    }
    mutex_unlock(&ts->lock);
    return err;
}

static void give_number_back(struct task *t, struct pid *pid)
{
    struct tasks *ts = tasks_of(t->arena);

    mutex_lock(&ts->lock);
    task_container_leave_locked(t->group->container);
    pid_release_locked(pid);
    mutex_unlock(&ts->lock);
    pid_put(pid);
}

/* A new process finds its parent. */
static void join_family_locked(struct task *t, struct thread_group *g,
                               const struct clone_request *r)
{
    struct thread_group *mine = t->group;
    struct pid_ns *ns = pid_ns_of(g->pid);
    bool sister = r->flags & CLONE_PARENT;

    g->parent = sister ? mine->parent : mine;
    g->parent_task = sister ? mine->parent_task : t;
    g->exit_signal = sister ? mine->exit_signal : r->exit_signal;
    if (g->parent) {
        list_push_back(&g->parent->children, &g->sibling);
        g->parent_exec_id = g->parent->exec_id;
    }
    session_inherit_locked(g, mine);
    if (!ns->reaper) {
        ns->reaper = g;
        g->flags |= GROUP_UNKILLABLE;
    }
    atomic_fetch_add_explicit(&tasks_of(t->arena)->forks, 1, memory_order_relaxed);
}

/* `pid` is taken on success. Errors: EINTR where the caller is dying; ENOMEM as
 * pid_create_locked(). */
static int link_locked(struct task *t, struct task *child, struct pid *pid,
                       const struct clone_request *r)
{
    if (task_killed(t) || tasks_of(t->arena)->ended || t->group->container->ended)
        return -EINTR;
    if (pid_ns_is_dead(pid_ns_of(pid)))
        return -ENOMEM;
    int err = group_add_task_locked(child->group, child, pid);
    if (!err && !(r->flags & CLONE_THREAD))
        join_family_locked(t, child->group, r);
    return err;
}

static void write_tids(struct task *t, struct task *child, const struct clone_request *r)
{
    int seen = pid_nr(child->pid, pid_ns_of(t->pid));
    int own = pid_nr(child->pid, pid_ns_of(child->pid));
    int ignored; /* as Linux: a bad address is the guest's loss */

    if (r->flags & CLONE_PARENT_SETTID)
        ignored = copy_out_struct(t->mm, r->parent_tid, &seen);
    if (r->flags & CLONE_CHILD_SETTID)
        ignored = copy_out_struct(child->mm, r->child_tid, &own);
    (void)ignored;
}

/* ---- vfork ---- */

void vfork_done(struct task *t)
{
    mutex_lock(&t->lock);
    struct task *parent = keep(t->vfork_parent);
    mutex_unlock(&t->lock);
    if (parent)
        task_wake(parent);
    task_put(parent);
}

static bool vfork_waits(struct task *child)
{
    mutex_lock(&child->lock);
    bool waits = child->vfork_parent;
    mutex_unlock(&child->lock);
    return waits;
}

static void vfork_wait(struct task *t, struct task *child)
{
    int err = 0;

    while (!err) {
        park_prepare(&t->park);
        if (!vfork_waits(child))
            return;
        err = task_sleep_killable(t);
    }
    vfork_done(child); /* the caller dies: nobody is to wake it any more */
}

/* ---- all of it ---- */

/* Nobody but us knows it. */
static void unmake(struct task *child)
{
    if (child->charged)
        user_uncharge(child->arena, child->charged_uid, USER_TASKS);
    vfork_done(child);
    task_drop_ipc(child);
    task_drop_files(child);
    task_drop_fs(child);
    task_drop_mm(child);
}

/* From a number to a running task. */
static long place(struct task *t, struct task *child, const struct clone_request *r)
{
    struct tasks *ts = tasks_of(t->arena);
    struct pid *pid;
    int fd = -1;

    int err = take_number(t, child, r, &pid);
    if (err)
        return err;
    if (r->flags & CLONE_PIDFD) {
        fd = pidfd_install(t, pid, 0);
        err = fd < 0 ? fd : copy_out_struct(t->mm, r->pidfd, &fd);
    }
    if (!err) {
        mutex_lock(&ts->lock);
        err = link_locked(t, child, pid, r);
        mutex_unlock(&ts->lock);
    }
    if (err) {
        give_number_back(t, pid);
    } else {
        write_tids(t, child, r);
        if (!(r->flags & CLONE_VM))
            mm_set_process(child->mm, child->group->pid);
        if (pid_ns_of(pid) != pid_ns_of(t->pid))
            mm_disown(child->mm); /* it does not see those who have the same rights */
        if (child->group != t->group && task_limit(child, RLIMIT_CPU) != LIMIT_INFINITY)
            timers_cpu_limit(child->group);
        long nr = pid_nr(child->pid, pid_ns_of(t->pid));
        err = task_start(child);
        if (!err)
            return nr;
    }
    if (fd >= 0)
        pidfd_uninstall(t, fd);
    return err;
}

long task_clone(struct task *t, const struct clone_request *r)
{
    int err = check_flags(t, r);
    if (err)
        return err;
    if (task_signal_due(t))
        return -ERESTARTNOINTR;
    scoped(group) struct thread_group *g = make_group(t, r);
    scoped(task) struct task *child = g ? task_alloc(t->arena, g) : NULL;
    if (!child)
        return -ENOMEM;
    err = copy_cred(t, child, r->flags);
    if (!err)
        err = charge(t, child);
    if (!err)
        err = copy_parts(t, child, r);
    long nr = err ? err : place(t, child, r);
    if (nr < 0 && !child->pid)
        unmake(child);
    else if (nr > 0 && r->flags & CLONE_VFORK)
        vfork_wait(t, child);
    return nr;
}
