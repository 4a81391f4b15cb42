/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduling. The host schedules: policies are remembered and shown, real-time ones
 * refused; affinity is remembered and decides which processor getcpu(2) names.
 */
#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/host.h"
#include "include/abi/sched.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/tasks.h"
#include "sentry/task/visit.h"

#define POLICY_DEADLINE 6
#define RESET_ON_FORK   0x40000000u /* SCHED_RESET_ON_FORK, beside a policy */
#define SLICE           (3 * NSEC_PER_MSEC)
#define RT_PRIO_MAX     99

/* `pid` 0 is the caller. Given; NULL: ESRCH. */
static struct task *find(struct task *t, int pid)
{
    return pid ? task_find(t, pid) : task_get(t);
}

static bool has_power(struct task *t, struct task *other)
{
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(other);

    return cred_ns_capable(t->cred, c->user_ns, CAP_SYS_NICE);
}

/* May `t` change how `other` is scheduled? */
static bool may_change(struct task *t, struct task *other)
{
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(other);

    return t->cred->euid == c->euid || t->cred->euid == c->ruid || has_power(t, other);
}

/* ---- policies ---- */

static bool is_real_time(unsigned policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(unsigned policy)
{
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
           policy == POLICY_DEADLINE || is_real_time(policy);
}

/* kernel/sched/syscalls.c, user_check_sched_setscheduler(): leaving SCHED_IDLE is to become
 * nicer, from 20; and what resets at fork does so until somebody of power says otherwise. */
static bool needs_power(struct task *other, unsigned policy, bool reset)
{
    uint64_t rank = (uint64_t)(20 - atomic_load(&other->nice));
    bool leaves_idle = atomic_load(&other->policy) == SCHED_IDLE && policy != SCHED_IDLE;

    return (leaves_idle && rank > task_limit(other, RLIMIT_NICE)) ||
           (atomic_load(&other->reset_on_fork) && !reset);
}

static int set_policy(struct task *t, int pid, unsigned policy, int prio)
{
    bool reset = policy & RESET_ON_FORK;

    policy &= ~RESET_ON_FORK;
    if (!is_policy(policy) || prio < 0 || prio > RT_PRIO_MAX)
        return -EINVAL;
    if (policy != POLICY_DEADLINE && is_real_time(policy) != (prio != 0))
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    if (is_real_time(policy) || policy == POLICY_DEADLINE || !may_change(t, other))
        return -EPERM;
    if (needs_power(other, policy, reset) && !has_power(t, other))
        return -EPERM;
    atomic_store(&other->policy, policy);
    atomic_store(&other->reset_on_fork, reset);
    return 0;
}

long sys_sched_setscheduler(struct task *t, int pid, int policy, uptr_t param)
{
    struct sched_param p;

    if (policy < 0 || pid < 0 || uptr_is_null(param))
        return -EINVAL;
    if (copy_in_struct(t->mm, &p, param) != 0)
        return -EFAULT;
    return set_policy(t, pid, (unsigned)policy, p.sched_priority);
}

long sys_sched_setparam(struct task *t, int pid, uptr_t param)
{
    struct sched_param p;

    if (pid < 0 || uptr_is_null(param))
        return -EINVAL;
    if (copy_in_struct(t->mm, &p, param) != 0)
        return -EFAULT;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    unsigned policy = atomic_load(&other->policy) | (other->reset_on_fork ? RESET_ON_FORK : 0);
    return set_policy(t, pid, policy, p.sched_priority);
}

long sys_sched_getscheduler(struct task *t, int pid)
{
    if (pid < 0)
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    return (long)(atomic_load(&other->policy) | (other->reset_on_fork ? RESET_ON_FORK : 0));
}

long sys_sched_getparam(struct task *t, int pid, uptr_t param)
{
    struct sched_param p = { .sched_priority = 0 };

    if (pid < 0 || uptr_is_null(param))
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    return other ? copy_out_struct(t->mm, param, &p) : -ESRCH;
}

long sys_sched_get_priority_max(struct task *t, int policy)
{
    (void)t;
    if (!is_policy((unsigned)policy))
        return -EINVAL;
    return is_real_time((unsigned)policy) ? RT_PRIO_MAX : 0;
}

long sys_sched_get_priority_min(struct task *t, int policy)
{
    (void)t;
    if (!is_policy((unsigned)policy))
        return -EINVAL;
    return is_real_time((unsigned)policy) ? 1 : 0;
}

long sys_sched_rr_get_interval(struct task *t, int pid, uptr_t tp)
{
    struct timespec ts = nsec_to_timespec(SLICE);

    if (pid < 0)
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    return other ? copy_out_struct(t->mm, tp, &ts) : -ESRCH;
}

long sys_sched_yield(struct task *t)
{
    (void)t;
    host_sched_yield();
    return 0;
}

/* ---- sched_attr ---- */

#define ATTR_FLAGS (ABI_SCHED_RESET_ON_FORK | ABI_SCHED_KEEP_POLICY | ABI_SCHED_KEEP_PARAMS)

static int copy_attr(struct task *t, uptr_t from, struct abi_sched_attr *a)
{
    uint32_t ours = sizeof *a, size;

    memset(a, 0, sizeof *a);
    if (copy_in_struct(t->mm, &size, from) != 0)
        return -EFAULT;
    if (size == 0)
        size = ABI_SCHED_ATTR_SIZE_0;
    if (size < ABI_SCHED_ATTR_SIZE_0 || size > PAGE_SIZE)
        goto too_big;
    for (uint32_t at = ours; at < size; at++) {
        char byte;
        if (copy_in_struct(t->mm, &byte, uptr_at(from, at)) != 0)
            return -EFAULT;
        if (byte)
            goto too_big;
    }
    return copy_in(t->mm, a, from, min(size, ours));
too_big:
    return copy_out_struct(t->mm, from, &ours) != 0 ? -EFAULT : -E2BIG;
}

long sys_sched_setattr(struct task *t, int pid, uptr_t attr, unsigned flags)
{
    struct abi_sched_attr a;

    if (uptr_is_null(attr) || pid < 0 || flags)
        return -EINVAL;
    int err = copy_attr(t, attr, &a);
    if (err)
        return err;
    if ((int)a.policy < 0 || a.flags & ~(uint64_t)ATTR_FLAGS)
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    unsigned policy = a.flags & ABI_SCHED_KEEP_POLICY ? atomic_load(&other->policy) : a.policy;
    if (a.flags & ABI_SCHED_RESET_ON_FORK)
        policy |= RESET_ON_FORK;
    err = set_policy(t, pid, policy, (int)a.priority);
    if (!err && !(a.flags & ABI_SCHED_KEEP_PARAMS))
        err = task_set_nice(t, other, max(-20, min(a.nice, 19)));
    return err == -EACCES ? -EPERM : err;
}

long sys_sched_getattr(struct task *t, int pid, uptr_t attr, unsigned size, unsigned flags)
{
    struct abi_sched_attr a = { 0 };

    if (uptr_is_null(attr) || pid < 0 || size < ABI_SCHED_ATTR_SIZE_0 || size > PAGE_SIZE || flags)
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    a.size = min(size, (unsigned)sizeof a);
    a.policy = atomic_load(&other->policy);
    a.flags = other->reset_on_fork ? ABI_SCHED_RESET_ON_FORK : 0;
    a.nice = atomic_load(&other->nice);
    return copy_out(t->mm, attr, &a, a.size);
}

/* ---- processors ---- */

long sys_sched_setaffinity(struct task *t, int pid, size_t size, uptr_t mask)
{
    uint64_t want[TASK_CPUS_MAX / 64] = { 0 };
    uint32_t cpus = tasks_of(t->arena)->cpus;

    if (copy_in(t->mm, want, mask, min(size, sizeof want)) != 0)
        return -EFAULT;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    if (!may_change(t, other))
        return -EPERM;
    for (size_t i = cpus; i < TASK_CPUS_MAX; i++)
        bitmap_clear(want, i);
    if (bitmap_count(want, cpus) == 0)
        return -EINVAL;
    mutex_lock(&other->lock);
    memcpy(other->affinity, want, sizeof want);
    mutex_unlock(&other->lock);
    return 0;
}

long sys_sched_getaffinity(struct task *t, int pid, size_t size, uptr_t mask)
{
    uint64_t has[TASK_CPUS_MAX / 64];
    uint32_t cpus = tasks_of(t->arena)->cpus;
    size_t full = BITMAP_WORDS(cpus) * sizeof *has;

    if (size < SIZE_MAX / 8 && size * 8 < cpus)
        return -EINVAL;
    if (size % sizeof *has)
        return -EINVAL;
    scoped(task) struct task *other = find(t, pid);
    if (!other)
        return -ESRCH;
    mutex_lock(&other->lock);
    memcpy(has, other->affinity, sizeof has);
    mutex_unlock(&other->lock);
    size_t n = min(size, full);
    return copy_out(t->mm, mask, has, n) != 0 ? -EFAULT : (long)n;
}

/* One that the task may run on: nobody but the host knows which one it was. */
static uint32_t current_cpu(struct task *t)
{
    uint32_t cpus = tasks_of(t->arena)->cpus, cpu = (uint32_t)host_getcpu() % cpus;

    if (!bitmap_test(t->affinity, cpu))
        cpu = (uint32_t)bitmap_find_next_set(t->affinity, cpus, 0);
    return cpu;
}

long sys_getcpu(struct task *t, uptr_t cpu, uptr_t node, uptr_t cache)
{
    uint32_t now = current_cpu(t), zero = 0;

    (void)cache;
    if (!uptr_is_null(cpu) && copy_out_struct(t->mm, cpu, &now) != 0)
        return -EFAULT;
    return uptr_is_null(node) ? 0 : copy_out_struct(t->mm, node, &zero);
}
