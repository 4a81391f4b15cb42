/* SPDX-License-Identifier: Apache-2.0 */
/* What a signal says of itself: sigaction(2), "The siginfo_t argument". */
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

uint32_t siginfo_uid(struct thread_group *to, uint32_t kuid)
{
    const struct cred *c = group_cred_get(to);
    uint32_t uid = c ? user_ns_uid_out(c->user_ns, kuid) : ID_OVERFLOW;

    cred_put((struct cred *)c);
    return uid;
}

void siginfo_user(struct abi_siginfo *si, int sig, struct task *sender, int code,
                  struct thread_group *to)
{
    const struct cred *c = sender->cred;

    *si = (struct abi_siginfo){ .si_signo = sig, .si_code = code };
    si->rt.pid = pid_nr(sender->group->pid, pid_ns_of(to->pid));
    /* threads of a process are never in different user namespaces */
    si->rt.uid =
        to == sender->group ? user_ns_uid_out(c->user_ns, c->ruid) : siginfo_uid(to, c->ruid);
}

/* As send_signal_locked() of Linux, has_si_pid_and_uid(). */
void siginfo_queued(struct abi_siginfo *si, struct task *sender, struct thread_group *to)
{
    const struct user_ns *ns = sender->cred->user_ns;
    int pid = pid_nr(sender->group->pid, pid_ns_of(to->pid));

    if (to == sender->group || si->si_code == SI_TIMER || si->si_code == SI_SIGIO)
        return;
    /* 0 is who sends from outside, whom a namespace's init obeys: nobody within says so */
    if (!pid || !si->rt.pid)
        si->rt.pid = pid;
    const struct cred *c = group_cred_get(to);
    if (c && c->user_ns != ns) {
        uint32_t kuid = user_ns_uid_in(ns, si->rt.uid);
        si->rt.uid = kuid == ID_NONE ? ID_OVERFLOW : user_ns_uid_out(c->user_ns, kuid);
    }
    cred_put((struct cred *)c);
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
