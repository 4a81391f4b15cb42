/* SPDX-License-Identifier: Apache-2.0 */
/* Sending signals. */
#include <signal.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"

long sys_kill(struct task *t, int pid, int sig)
{
    return signal_kill(t, pid, sig);
}

/* To one thread. `tgid` 0: whatever its process. `si` NULL: as tkill(2) describes the sender. */
static long send_to_thread(struct task *t, int tgid, int tid, int sig, struct abi_siginfo *si)
{
    struct abi_siginfo own;
    scoped(task) struct task *to = task_find(t, tid);

    if (!to || (tgid && task_tgid(to, t) != tgid))
        return -ESRCH;
    if (sig < 0 || sig > SIGNAL_COUNT)
        return -EINVAL;
    int err = signal_may_send(t, to->group, sig);
    if (err || !sig)
        return err;
    if (!si) {
        si = &own;
        siginfo_user(si, sig, t, SI_TKILL, to->group);
    } else {
        siginfo_queued(si, t, to->group);
    }
    return signal_send_task(to, sig, si);
}

long sys_tgkill(struct task *t, int tgid, int tid, int sig)
{
    if (tgid <= 0 || tid <= 0)
        return -EINVAL;
    return send_to_thread(t, tgid, tid, sig, NULL);
}

long sys_tkill(struct task *t, int tid, int sig)
{
    if (tid <= 0)
        return -EINVAL;
    return send_to_thread(t, 0, tid, sig, NULL);
}

/* The sender's own words, which may not pass for the kernel's or kill(2)'s to others. */
static int copy_info(struct task *t, int sig, uptr_t from, bool to_self, struct abi_siginfo *si)
{
    if (copy_in_struct(t->mm, si, from) != 0)
        return -EFAULT;
    if ((si->si_code >= 0 || si->si_code == SI_TKILL) && !to_self)
        return -EPERM;
    si->si_signo = sig;
    return 0;
}

long sys_rt_sigqueueinfo(struct task *t, int tgid, int sig, uptr_t info)
{
    struct abi_siginfo si;

    int err = copy_info(t, sig, info, task_tid(t, t) == tgid, &si);
    if (err)
        return err;
    scoped(task) struct task *to = task_find(t, tgid);
    if (!to)
        return -ESRCH;
    if (sig < 0 || sig > SIGNAL_COUNT)
        return -EINVAL;
    err = signal_may_send(t, to->group, sig);
    if (err || !sig)
        return err;
    siginfo_queued(&si, t, to->group);
    return signal_send_group(to->group, sig, &si);
}

long sys_rt_tgsigqueueinfo(struct task *t, int tgid, int tid, int sig, uptr_t info)
{
    struct abi_siginfo si;

    if (tgid <= 0 || tid <= 0)
        return -EINVAL;
    int err = copy_info(t, sig, info, task_tid(t, t) == tid, &si);
    return err ? err : send_to_thread(t, tgid, tid, sig, &si);
}
