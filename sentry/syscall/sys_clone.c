/* SPDX-License-Identifier: Apache-2.0 */
/* New tasks. */
#include <linux/sched.h>
#include <signal.h>
#include <string.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/clone.h"
#include "sentry/task/pid.h"
#include "sentry/task/sighand.h"

/* What clone3(2) takes: CLONE_LEGACY_FLAGS without its unused bits, and the wide ones. */
#define CLONE3_KNOWN (0xffffff00ull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)

long sys_clone(struct task *t, uint64_t flags, uptr_t stack, uptr_t parent_tid, uptr_t child_tid,
               uint64_t tls)
{
    struct clone_request r = {
        .flags = (uint32_t)flags & ~(uint64_t)CSIGNAL,
        .exit_signal = (int)(flags & CSIGNAL),
        .stack = stack,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .pidfd = parent_tid,
        .tls = tls,
    };

    /* both would be written to one place */
    if (r.flags & CLONE_PIDFD && r.flags & CLONE_PARENT_SETTID)
        return -EINVAL;
    return task_clone(t, &r);
}

long sys_fork(struct task *t)
{
    return task_clone(t, &(struct clone_request){ .exit_signal = SIGCHLD });
}

long sys_vfork(struct task *t)
{
    return task_clone(
        t, &(struct clone_request){ .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD });
}

/* A struct that may be longer than ours: what we do not know must be zero. */
static int copy_args(struct task *t, uptr_t from, size_t size, struct clone_args *out)
{
    uint8_t rest[64];

    if (size > PAGE_SIZE)
        return -E2BIG;
    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    memset(out, 0, sizeof *out);
    if (copy_in(t->mm, out, from, min(size, sizeof *out)) != 0)
        return -EFAULT;
    for (size_t at = sizeof *out; at < size; at += sizeof rest) {
        size_t n = min(size - at, sizeof rest);
        if (copy_in(t->mm, rest, uptr_at(from, at), n) != 0)
            return -EFAULT;
        for (size_t i = 0; i < n; i++) {
            if (rest[i])
                return -E2BIG;
        }
    }
    return 0;
}

static int check_args(struct task *t, const struct clone_args *a, size_t size)
{
    if (a->set_tid_size > PID_NS_LEVELS || !a->set_tid != !a->set_tid_size)
        return -EINVAL;
    if (a->exit_signal & ~(uint64_t)CSIGNAL || a->exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if (a->flags & CLONE_INTO_CGROUP && (a->cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2))
        return -EINVAL;
    if (a->flags & ~CLONE3_KNOWN || a->flags & CLONE_DETACHED)
        return -EINVAL;
    if (a->flags & CLONE_SIGHAND && a->flags & CLONE_CLEAR_SIGHAND)
        return -EINVAL;
    if (a->flags & (CLONE_THREAD | CLONE_PARENT) && a->exit_signal)
        return -EINVAL;
    if (!a->stack != !a->stack_size)
        return -EINVAL;
    if (a->stack &&
        (a->stack + a->stack_size < a->stack || a->stack + a->stack_size > mm_task_size(t->mm)))
        return -EINVAL;
    /* no file here is a directory of a cgroup */
    return a->flags & CLONE_INTO_CGROUP ? -EBADF : 0;
}

long sys_clone3(struct task *t, uptr_t args, size_t size)
{
    struct clone_args a;
    int set_tid[PID_NS_LEVELS];

    int err = copy_args(t, args, size, &a);
    if (!err)
        err = check_args(t, &a, size);
    if (err)
        return err;
    if (copy_in(t->mm, set_tid, uptr(a.set_tid), a.set_tid_size * sizeof *set_tid) != 0)
        return -EFAULT;
    struct clone_request r = {
        .flags = a.flags,
        .exit_signal = (int)a.exit_signal,
        .stack = uptr(a.stack ? a.stack + a.stack_size : 0),
        .parent_tid = uptr(a.parent_tid),
        .child_tid = uptr(a.child_tid),
        .pidfd = uptr(a.pidfd),
        .tls = a.tls,
        .set_tid = set_tid,
        .set_tid_count = (unsigned)a.set_tid_size,
    };
    return task_clone(t, &r);
}

long sys_set_tid_address(struct task *t, uptr_t tidptr)
{
    t->clear_tid = tidptr;
    return task_tid(t, t);
}
