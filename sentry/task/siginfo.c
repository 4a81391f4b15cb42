/* SPDX-License-Identifier: Apache-2.0 */
/* What a signal says of itself: sigaction(2), "The siginfo_t argument". */
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

void siginfo_user(struct abi_siginfo *si, int sig, struct task *sender, int code,
                  const struct thread_group *to)
{
    *si = (struct abi_siginfo){ .si_signo = sig, .si_code = code };
    si->rt.pid = pid_nr(sender->group->pid, pid_ns_of(to->pid));
    /* The receiver's user namespace is not asked for: its cred may change at any time. */
    si->rt.uid = user_ns_uid_out(sender->cred->user_ns, sender->cred->ruid);
}

void siginfo_kernel(struct abi_siginfo *si, int sig, int code)
{
    *si = (struct abi_siginfo){ .si_signo = sig, .si_code = code };
}

void siginfo_fault(struct abi_siginfo *si, int sig, int code, uptr_t addr)
{
    *si = (struct abi_siginfo){ .si_signo = sig, .si_code = code };
    si->fault.addr = addr.va;
}
