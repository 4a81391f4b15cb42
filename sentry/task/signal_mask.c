/* SPDX-License-Identifier: Apache-2.0 */
/* Which signals are let through, which wait, and what is done about them. */
#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/timers.h"

static bool is_due_locked(const struct task *t)
{
    return (t->pending.set | t->group->pending.set) & ~t->blocked;
}

bool signal_is_due(struct task *t)
{
    mutex_lock(&t->group->lock);
    bool due = is_due_locked(t);
    if (!due)
        task_clear_work(t, TASK_SIGNAL);
    mutex_unlock(&t->group->lock);
    return due;
}

/*
 * What this thread now blocks, another one may take: those that wait for the process
 * are offered again. As retarget_shared_pending().
 */
static void offer_locked(struct task *t, sigset64 set) HOLDS(t->group->lock)
{
    struct task *other;

    set &= t->group->pending.set;
    if (!set)
        return;
    list_for_each (other, &t->group->tasks, group_node) {
        if (other == t || atomic_load(&other->life) != TASK_ALIVE || !(set & ~other->blocked))
            continue;
        set &= other->blocked;
        task_set_work(other, TASK_SIGNAL);
        if (!set)
            return;
    }
}

static void set_blocked_locked(struct task *t, sigset64 set) HOLDS(t->group->lock)
{
    sigset64 newly = set & ~t->blocked;

    t->blocked = set & ~SIG_UNBLOCKABLE;
    offer_locked(t, newly);
    if (is_due_locked(t))
        task_set_work(t, TASK_SIGNAL);
}

void signal_set_blocked(struct task *t, sigset64 set)
{
    mutex_lock(&t->group->lock);
    set_blocked_locked(t, set);
    mutex_unlock(&t->group->lock);
}

void signal_set_temporary(struct task *t, sigset64 set)
{
    if (!t->restore_blocked)
        t->saved_blocked = t->blocked;
    t->restore_blocked = true;
    signal_set_blocked(t, set);
}

void signal_restore_blocked(struct task *t)
{
    if (!t->restore_blocked)
        return;
    t->restore_blocked = false;
    signal_set_blocked(t, t->saved_blocked);
}

int signal_copy_set(struct task *t, uptr_t from, size_t size, sigset64 *out)
{
    if (size != sizeof *out)
        return -EINVAL;
    return copy_in(t->mm, out, from, sizeof *out);
}

int signal_dequeue(struct task *t, sigset64 set, struct abi_siginfo *out)
{
    struct thread_group *g = t->group;

    mutex_lock(&g->lock);
    int sig = sigpending_take(t->arena, &t->pending, set, out);
    if (!sig)
        sig = sigpending_take(t->arena, &g->pending, set, out);
    mutex_unlock(&g->lock);
    if (sig)
        timers_signal_taken(g, out);
    return sig;
}

sigset64 signal_pending_set(struct task *t)
{
    mutex_lock(&t->group->lock);
    sigset64 set = t->pending.set | t->group->pending.set;
    mutex_unlock(&t->group->lock);
    return set;
}

struct waitq *signal_waitq(struct task *t)
{
    return &t->group->signal_waitq;
}

int signal_set_action(struct task *t, int sig, const struct abi_sigaction *act,
                      struct abi_sigaction *old)
{
    struct thread_group *g = t->group;
    struct task *other;

    if (sig < 1 || sig > SIGNAL_COUNT || (act && SIG_BIT(sig) & SIG_UNBLOCKABLE))
        return -EINVAL;
    mutex_lock(&g->lock);
    if (old)
        sighand_action(g->sighand, sig, old);
    if (act) {
        struct abi_sigaction clean = *act;
        clean.mask &= ~SIG_UNBLOCKABLE;
        sighand_set(g->sighand, sig, &clean);
        /* POSIX, 2.4.3: setting a signal to be ignored discards it where it is pending */
        if (handler_ignores(act->handler, sig)) {
            sigpending_flush(g->arena, &g->pending, SIG_BIT(sig));
            list_for_each (other, &g->tasks, group_node)
                sigpending_flush(g->arena, &other->pending, SIG_BIT(sig));
        }
    }
    mutex_unlock(&g->lock);
    return 0;
}
