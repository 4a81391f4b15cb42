/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending signals.
 *
 * All happens under the receiving process's lock: side effects of SIGCONT and the
 * stop signals, the check whether the signal would be ignored, the queue, and the
 * choice of a thread. A signal that ends the process does so here and now, whatever
 * its threads are doing.
 */
#include "sentry/task/signal.h"

#include <string.h>

#include "sentry/task/session.h"
#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"

/* Sent by the kernel, or from a pid namespace outside the receiver's: a namespace's init obeys. */
static bool is_forced(const struct abi_siginfo *si)
{
    switch (si->si_code) {
    case SI_KERNEL:
        return true;
    case SI_USER:
    case SI_TKILL:
    case SI_QUEUE:
    case SI_MESGQ:
        return si->rt.pid == 0;
    default:
        return si->si_code > 0; /* a fault's */
    }
}

/* Removes signals that `sig` calls off, and ends or announces a stop. As prepare_signal(). */
static void call_off_locked(struct thread_group *g, int sig) HOLDS(g->lock)
{
    sigset64 off = 0;
    struct task *t;

    if (sig == SIGCONT)
        off = SIG_STOPS;
    else if (SIG_BIT(sig) & SIG_STOPS)
        off = SIG_BIT(SIGCONT);
    if (!off)
        return;
    sigpending_flush(g->arena, &g->pending, off);
    list_for_each (t, &g->tasks, group_node)
        sigpending_flush(g->arena, &t->pending, off);
    if (sig == SIGCONT) {
        g->flags &= ~(uint32_t)GROUP_STOP_TAKEN;
        group_continue_locked(g);
    }
}

static bool is_ignored(struct thread_group *g, const struct task *t, int sig, bool forced)
{
    /* what is blocked may be handled by the time it is let through */
    if (t && t->blocked & SIG_BIT(sig))
        return false;
    uint64_t handler = sighand_handler(g->sighand, sig);
    bool only = SIG_BIT(sig) & SIG_UNBLOCKABLE;
    if (g->flags & GROUP_UNKILLABLE && handler == HANDLER_DEFAULT && !(forced && only))
        return true;
    return handler_ignores(handler, sig);
}

static bool has_slept(struct task *t)
{
    return atomic_load(&t->sleeping) != TASK_AWAKE || atomic_load(&t->nvcsw) > 0;
}

bool signal_is_too_early(struct thread_group *g, int sig)
{
    bool early;

    if (SIG_BIT(sig) & SIG_UNBLOCKABLE || handler_ignores(HANDLER_DEFAULT, sig))
        return false;
    mutex_lock(&g->lock);
    early = g->flags & GROUP_UNKILLABLE && !(g->flags & GROUP_EXITING) && !list_empty(&g->tasks) &&
            sighand_handler(g->sighand, sig) == HANDLER_DEFAULT &&
            !has_slept(list_first(&g->tasks, struct task, group_node));
    mutex_unlock(&g->lock);
    return early;
}

static bool wants(const struct task *t, int sig)
{
    return atomic_load(&t->life) == TASK_ALIVE && (sig == SIGKILL || !(t->blocked & SIG_BIT(sig)));
}

/* Who takes a signal to the process: the leader, or the first that lets it through. */
static struct task *choose_locked(struct thread_group *g, int sig) HOLDS(g->lock)
{
    struct task *t;

    list_for_each (t, &g->tasks, group_node) {
        if (wants(t, sig))
            return t;
    }
    return NULL;
}

static bool is_fatal(struct thread_group *g, int sig)
{
    enum signal_default what = signal_default(sig);

    return sig == SIGKILL || (sighand_handler(g->sighand, sig) == HANDLER_DEFAULT &&
                              (what == SIGNAL_DIE || what == SIGNAL_DUMP));
}

static uint32_t payer(struct task *t)
{
    mutex_lock(&t->lock);
    uint32_t uid = t->cred->ruid;
    mutex_unlock(&t->lock);
    return uid;
}

/* `t` is NULL for a signal to the whole process. */
static int send_locked(struct thread_group *g, struct task *t, int sig,
                       const struct abi_siginfo *si) HOLDS(g->lock)
{
    struct task *first = t ? t : list_first(&g->tasks, struct task, group_node);

    if (!first || (g->flags & GROUP_EXITING && sig != SIGKILL))
        return 0;
    call_off_locked(g, sig);
    if (is_ignored(g, first, sig, is_forced(si)))
        return 0;
    if (sig == SIGKILL) {
        group_kill_locked(g, SIGKILL);
        return 0;
    }
    int err = sigpending_add(g->arena, t ? &t->pending : &g->pending, sig, si, payer(first),
                             limit_soft(&g->limits, RLIMIT_SIGPENDING));
    if (err)
        return err;
    waitq_wake(&g->signal_waitq, POLLIN);
    struct task *taker = t ? (wants(t, sig) ? t : NULL) : choose_locked(g, sig);
    if (!taker)
        return 0;
    if (is_fatal(g, sig))
        group_kill_locked(g, sig);
    else
        task_set_work(taker, TASK_SIGNAL);
    return 0;
}

int signal_send_task(struct task *t, int sig, const struct abi_siginfo *si)
{
    struct thread_group *g = t->group;

    mutex_lock(&g->lock);
    int err = atomic_load(&t->life) == TASK_ALIVE ? send_locked(g, t, sig, si) : 0;
    mutex_unlock(&g->lock);
    return err;
}

int signal_send_group(struct thread_group *g, int sig, const struct abi_siginfo *si)
{
    mutex_lock(&g->lock);
    int err = send_locked(g, NULL, sig, si);
    mutex_unlock(&g->lock);
    return err;
}

bool signal_is_pending(struct thread_group *g, struct task *t, int sig)
{
    mutex_lock(&g->lock);
    bool is = (t ? t->pending.set : g->pending.set) & SIG_BIT(sig);
    mutex_unlock(&g->lock);
    return is;
}

void signal_force(struct task *t, int sig, const struct abi_siginfo *si)
{
    struct thread_group *g = t->group;
    struct abi_sigaction act;

    mutex_lock(&g->lock);
    bool blocked = t->blocked & SIG_BIT(sig);
    sighand_action(g->sighand, sig, &act);
    if (blocked || act.handler == HANDLER_IGNORE) {
        act.handler = HANDLER_DEFAULT;
        sighand_set(g->sighand, sig, &act);
        t->blocked &= ~SIG_BIT(sig);
    }
    if (act.handler == HANDLER_DEFAULT)
        g->flags &= ~(uint32_t)GROUP_UNKILLABLE;
    int err = send_locked(g, t, sig, si);
    if (err) /* no room to say why: it dies all the same */
        group_kill_locked(g, sig);
    mutex_unlock(&g->lock);
}

void signal_send_pgrp_locked(struct pid *pgrp, int sig)
{
    struct thread_group *g;
    struct abi_siginfo si;

    siginfo_kernel(&si, sig, SI_KERNEL);
    list_for_each (g, &pgrp->pgrp, pgrp_node) {
        int err = signal_send_group(g, sig, &si);
        (void)err; /* only real-time signals can fail */
    }
}

void signal_send_pgrp_kernel(struct arena *a, struct pid *pgrp, int sig)
{
    struct tasks *ts = tasks_of(a);

    mutex_lock(&ts->lock);
    signal_send_pgrp_locked(pgrp, sig);
    mutex_unlock(&ts->lock);
}

void signal_send_job(struct thread_group *g, int sig)
{
    struct tasks *ts = tasks_of(g->arena);

    mutex_lock(&ts->lock);
    if (g->pgrp)
        signal_send_pgrp_locked(g->pgrp, sig);
    mutex_unlock(&ts->lock);
}

void signal_self(struct task *t, int sig)
{
    struct abi_siginfo si;

    siginfo_user(&si, sig, t, SI_USER, t->group);
    int err = signal_send_task(t, sig, &si);
    (void)err; /* only real-time signals can fail */
}
