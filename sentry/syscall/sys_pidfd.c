/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by descriptor. */
#include <fcntl.h>
#include <signal.h>

#include "sentry/proc/proc.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/pidfd.h"
#include "sentry/task/signal.h"
#include "sentry/task/tasks.h"

#define PIDFD_NONBLOCK O_NONBLOCK

long sys_pidfd_open(struct task *t, int pid, unsigned flags)
{
    struct tasks *ts = tasks_of(t->arena);
    int err = -ESRCH;

    if (flags & ~(unsigned)PIDFD_NONBLOCK || pid <= 0)
        return -EINVAL;
    mutex_lock(&ts->lock);
    scoped(pid) struct pid *p = pid_find_locked(pid_ns_of(t->pid), pid);
    if (p) {
        pid_get(p);
        err = p->group ? 0 : p->task ? -EINVAL : -ESRCH;
    }
    mutex_unlock(&ts->lock);
    return err ? err : pidfd_install(t, p, (int)flags);
}

/*
 * The process that descriptor `fd` names: `out` is given. Who only sends a signal may name it by
 * its directory in /proc, too.
 *
 *   errors    EBADF, ESRCH
 */
static int find_group(struct task *t, int fd, bool by_dir, struct thread_group **out)
{
    scoped(file) struct file *f = task_file_any(t, fd);
    struct pid *p = f ? pidfd_pid(f) : NULL;

    if (!p && f && by_dir && !(f->flags & O_PATH))
        p = proc_dir_pid(f);
    if (!p)
        return -EBADF;
    *out = pidfd_group(t->arena, p);
    return *out ? 0 : -ESRCH;
}

static int copy_info(struct task *t, struct thread_group *g, int sig, uptr_t from,
                     struct abi_siginfo *si)
{
    if (uptr_is_null(from)) {
        siginfo_user(si, sig, t, SI_USER, g);
        return 0;
    }
    if (copy_in_struct(t->mm, si, from) != 0)
        return -EFAULT;
    if (si->si_signo != sig)
        return -EINVAL;
    if (g != t->group && (si->si_code >= 0 || si->si_code == SI_TKILL))
        return -EPERM;
    siginfo_queued(si, t, g);
    return 0;
}

long sys_pidfd_send_signal(struct task *t, int pidfd, int sig, uptr_t info, unsigned flags)
{
    scoped(group) struct thread_group *g = NULL;
    struct abi_siginfo si;

    if (flags)
        return -EINVAL;
    int err = find_group(t, pidfd, true, &g);
    if (err == -ESRCH && (sig < 0 || sig > SIGNAL_COUNT))
        return -EINVAL;
    if (err)
        return err;
    if (!pid_ns_is_within(pid_ns_of(g->pid), pid_ns_of(t->pid)))
        return -EINVAL;
    err = copy_info(t, g, sig, info, &si);
    if (err)
        return err;
    if (sig < 0 || sig > SIGNAL_COUNT)
        return -EINVAL;
    err = signal_may_send(t, g, sig);
    return err || !sig ? err : signal_send_group(g, sig, &si);
}

long sys_pidfd_getfd(struct task *t, int pidfd, int targetfd, unsigned flags)
{
    scoped(group) struct thread_group *g = NULL;
    struct actor who;

    if (flags)
        return -EINVAL;
    int err = find_group(t, pidfd, false, &g);
    if (err)
        return err;
    scoped(task) struct task *other = group_any_live(g);
    if (!other)
        return -ESRCH;
    if (task_may_attach(t, other) != 0)
        return -EPERM;
    struct fdtable *files = task_files_get(other);
    if (!files)
        return -ESRCH;
    scoped(file) struct file *f = fdtable_file(files, targetfd);
    task_actor(t, &who);
    fdtable_put(files, &who);
    return f ? task_install(t, f, true) : -EBADF;
}
