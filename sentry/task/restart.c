/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that a signal cut short: made again, or EINTR.
 *
 * To make it again, the registers go back to before the instruction: `syscall` is
 * two bytes long, and the result register holds the number.
 *
 *   source    signal(7), "Interruption of system calls"; arch/x86/kernel/signal.c, Linux 6.6
 */
#include <signal.h>
#include <sys/syscall.h>

#include "sentry/task/task_priv.h"

#define SYSCALL_INSN_SIZE 2

static bool in_call(const struct task *t)
{
    return (int64_t)t->regs.orig_rax >= 0 && restart_is_due((long)t->regs.rax);
}

static void again(struct task *t, uint64_t nr)
{
    struct guest_regs *r = task_regs(t);

    r->rax = nr;
    r->rip -= SYSCALL_INSN_SIZE;
}

void restart_before_handler(struct task *t, uint64_t sa_flags)
{
    if (!in_call(t))
        return;
    bool restarts = (int64_t)t->regs.rax == -ERESTARTNOINTR ||
                    ((int64_t)t->regs.rax == -ERESTARTSYS && sa_flags & SA_RESTART);
    if (restarts)
        again(t, t->regs.orig_rax);
    else
        t->regs.rax = (uint64_t)-EINTR;
    t->regs.orig_rax = UINT64_MAX;
}

void restart_without_handler(struct task *t)
{
    if (!in_call(t))
        return;
    bool block = (int64_t)t->regs.rax == -ERESTART_RESTARTBLOCK;
    again(t, block ? SYS_restart_syscall : t->regs.orig_rax);
    t->regs.orig_rax = UINT64_MAX;
}
