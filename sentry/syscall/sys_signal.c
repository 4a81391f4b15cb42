/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: actions, masks, waits for them. */
#include <signal.h>

#include "sentry/syscall/block.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"
#include "sentry/task/sigqueue.h"

/* What sigaction(2) keeps of sa_flags: as UAPI_SA_FLAGS on x86. */
#define SA_KNOWN                                                                       \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | \
     SA_RESETHAND | 0x800 /* SA_EXPOSE_TAGBITS */ | 0x04000000 /* SA_RESTORER */)

long sys_rt_sigaction(struct task *t, int sig, uptr_t act, uptr_t oldact, size_t setsize)
{
    struct abi_sigaction new, old;

    if (setsize != sizeof(sigset64))
        return -EINVAL;
    if (!uptr_is_null(act)) {
        if (copy_in_struct(t->mm, &new, act) != 0)
            return -EFAULT;
        new.flags &= (uint32_t)SA_KNOWN;
    }
    int err = signal_set_action(t, sig, uptr_is_null(act) ? NULL : &new, &old);
    if (err || uptr_is_null(oldact))
        return err;
    return copy_out_struct(t->mm, oldact, &old);
}

long sys_rt_sigprocmask(struct task *t, int how, uptr_t set, uptr_t oldset, size_t setsize)
{
    sigset64 was = t->blocked, new;

    if (setsize != sizeof new)
        return -EINVAL;
    if (!uptr_is_null(set)) {
        if (copy_in_struct(t->mm, &new, set) != 0)
            return -EFAULT;
        switch (how) {
        case SIG_BLOCK:
            new |= was;
            break;
        case SIG_UNBLOCK:
            new = was & ~new;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        signal_set_blocked(t, new);
    }
    return uptr_is_null(oldset) ? 0 : copy_out_struct(t->mm, oldset, &was);
}

long sys_rt_sigpending(struct task *t, uptr_t set, size_t setsize)
{
    sigset64 pending = signal_pending_set(t) & t->blocked;

    if (setsize > sizeof pending)
        return -EINVAL;
    return copy_out(t->mm, set, &pending, setsize);
}

long sys_rt_sigreturn(struct task *t)
{
    struct abi_siginfo si;

    t->no_result = true;
    task_regs(t)->orig_rax = UINT64_MAX;
    if (sigframe_pop(t) != 0) {
        siginfo_kernel(&si, SIGSEGV, SI_KERNEL);
        signal_force(t, SIGSEGV, &si);
    }
    return 0;
}

/* Until a signal has been handled; what cut it short decides what the guest sees. */
static long wait_for_signal(struct task *t)
{
    struct waitq nothing;

    waitq_init(&nothing);
    long err = BLOCK_ON(t, &nothing, NSEC_NEVER, -EAGAIN);
    waitq_destroy(&nothing);
    return err == -ERESTARTSYS ? -ERESTARTNOHAND : err;
}

long sys_rt_sigsuspend(struct task *t, uptr_t set, size_t setsize)
{
    sigset64 mask;

    int err = signal_copy_set(t, set, setsize, &mask);
    if (err)
        return err;
    signal_set_temporary(t, mask);
    return wait_for_signal(t);
}

long sys_pause(struct task *t)
{
    return wait_for_signal(t);
}

long sys_rt_sigtimedwait(struct task *t, uptr_t set, uptr_t info, uptr_t timeout, size_t setsize)
{
    nsec_t deadline = NSEC_NEVER, span;
    struct timespec ts;
    struct abi_siginfo si;
    sigset64 mask;

    int err = signal_copy_set(t, set, setsize, &mask);
    if (err)
        return err;
    if (!uptr_is_null(timeout)) {
        if (copy_in_struct(t->mm, &ts, timeout) != 0)
            return -EFAULT;
        if (nsec_from_timespec(&ts, &span) != 0)
            return -EINVAL;
        deadline = nsec_add(task_now(t, CLOCK_ID_MONOTONIC), span);
    }
    mask &= ~SIG_UNBLOCKABLE;
    long sig = BLOCK_ON(t, signal_waitq(t), deadline, signal_dequeue(t, mask, &si) ?: -EAGAIN);
    /* one that is not blocked cuts the wait short by itself, and may be what was waited for */
    if (sig < 0)
        sig = signal_dequeue(t, mask, &si) ?: (sig == -ETIMEDOUT ? -EAGAIN : -EINTR);
    if (sig > 0 && !uptr_is_null(info) && copy_out_struct(t->mm, info, &si) != 0)
        return -EFAULT;
    return sig;
}

long sys_sigaltstack(struct task *t, uptr_t ss, uptr_t old)
{
    struct abi_stack new, was;

    if (!uptr_is_null(ss) && copy_in_struct(t->mm, &new, ss) != 0)
        return -EFAULT;
    sigstack_get(t, &was);
    int err = uptr_is_null(ss) ? 0 : sigstack_set(t, &new);
    if (err || uptr_is_null(old))
        return err;
    return copy_out_struct(t->mm, old, &was);
}

long sys_restart_syscall(struct task *t)
{
    return t->restart.fn ? t->restart.fn(t) : -EINTR;
}
