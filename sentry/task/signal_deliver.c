/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving end: a thread on its way back to guest code takes its signals. */
#include "sentry/task/session.h"
#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"

/* Takes the next one and its action. 0: none is due, and TASK_SIGNAL is clear. */
static int take(struct task *t, struct abi_siginfo *si, struct abi_sigaction *act)
{
    struct thread_group *g = t->group;
    int sig = 0;

    mutex_lock(&g->lock);
    if (!(g->flags & GROUP_EXITING)) {
        sig = sigpending_take(t->arena, &t->pending, ~t->blocked, si);
        if (!sig)
            sig = sigpending_take(t->arena, &g->pending, ~t->blocked, si);
    }
    if (!sig) {
        task_clear_work(t, TASK_SIGNAL);
    } else {
        if (SIG_BIT(sig) & SIG_STOPS)
            g->flags |= GROUP_STOP_TAKEN;
        sighand_action(g->sighand, sig, act);
        if (act->handler > HANDLER_IGNORE && act->flags & SA_RESETHAND) {
            struct abi_sigaction reset = *act;
            reset.handler = HANDLER_DEFAULT;
            sighand_set(g->sighand, sig, &reset);
        }
    }
    mutex_unlock(&g->lock);
    if (sig)
        timers_signal_taken(g, si);
    return sig;
}

/* A frame that cannot be made is a fault of the program: a second time, it ends. */
static void force_sigsegv(struct task *t, int sig)
{
    struct abi_siginfo si;

    if (sig == SIGSEGV) {
        group_kill(t->group, SIGSEGV);
        return;
    }
    siginfo_kernel(&si, SIGSEGV, SI_KERNEL);
    signal_force(t, SIGSEGV, &si);
}

static void handle(struct task *t, int sig, const struct abi_siginfo *si,
                   const struct abi_sigaction *act)
{
    restart_before_handler(t, act->flags);
    if (sigframe_push(t, sig, si, act) != 0) {
        force_sigsegv(t, sig);
        return;
    }
    t->restore_blocked = false; /* sigreturn does it now */
    sigset64 mask = t->blocked | act->mask;
    if (!(act->flags & SA_NODEFER))
        mask |= SIG_BIT(sig);
    signal_set_blocked(t, mask);
}

/* SIGTSTP and its kin do not stop a group that nobody could continue: POSIX, 2.4.3. */
static bool may_stop(struct task *t, int sig)
{
    struct tasks *ts = tasks_of(t->arena);

    if (sig == SIGSTOP)
        return true;
    mutex_lock(&ts->lock);
    bool orphaned = pgrp_is_orphaned_locked(t->group->pgrp);
    mutex_unlock(&ts->lock);
    return !orphaned;
}

static void act_by_default(struct task *t, int sig)
{
    struct thread_group *g = t->group;

    switch (signal_default(sig)) {
    case SIGNAL_IGNORE:
    case SIGNAL_CONTINUE:
        return;
    default:
        break;
    }
    mutex_lock(&g->lock);
    bool unkillable = g->flags & GROUP_UNKILLABLE && !(SIG_BIT(sig) & SIG_UNBLOCKABLE);
    mutex_unlock(&g->lock);
    if (unkillable)
        return;
    if (signal_default(sig) != SIGNAL_STOP) {
        group_kill(g, sig);
        return;
    }
    if (!may_stop(t, sig))
        return;
    mutex_lock(&g->lock);
    /* a SIGCONT that came meanwhile called the stop off: JOBCTL_STOP_DEQUEUED of Linux */
    if (!(g->flags & GROUP_EXITING) && g->flags & GROUP_STOP_TAKEN)
        group_stop_locked(g, sig);
    mutex_unlock(&g->lock);
}

void signal_deliver(struct task *t)
{
    struct abi_siginfo si;
    struct abi_sigaction act;
    int sig;

    while (!(atomic_load(&t->work) & (TASK_KILLED | TASK_STOP)) && (sig = take(t, &si, &act))) {
        if (act.handler > HANDLER_IGNORE)
            handle(t, sig, &si, &act);
        else if (act.handler == HANDLER_DEFAULT)
            act_by_default(t, sig);
    }
}
