/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the family does when one of it ends: children get another parent, the parent
 * hears of it, or nobody needs to and it is gone at once.
 *
 *   source    kernel/exit.c of Linux 6.6: exit_notify(), forget_original_parent()
 */
#include <signal.h>
#include <sys/wait.h>

#include "sentry/task/session.h"
#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"
#include "sentry/task/usage.h"

/* ---- the parent hears ---- */

static int child_code(int status)
{
    if (WIFEXITED(status))
        return CLD_EXITED;
    return WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
}

/* As the parent sees it: numbers and users of its namespaces. RANK_TASKS held. */
static void child_info(struct thread_group *g, int sig, int code, int status,
                       struct abi_siginfo *si)
{
    struct usage u = g->dead;
    const struct cred *c = group_cred_get(g);

    siginfo_kernel(si, sig, code);
    si->child.pid = pid_nr(g->pid, pid_ns_of(g->parent->pid));
    if (c)
        si->child.uid = siginfo_uid(g->parent, c->ruid);
    cred_put((struct cred *)c);
    si->child.status = status;
    si->child.utime = usage_ticks(u.user);
    si->child.stime = usage_ticks(u.sys);
}

void group_tell_parent(struct thread_group *g, int code)
{
    struct tasks *ts = tasks_of(g->arena);
    struct abi_sigaction act;
    struct abi_siginfo si;

    mutex_lock(&ts->lock);
    struct thread_group *parent = g->parent;
    if (parent && !g->zombie) {
        int status = code == CLD_CONTINUED ? SIGCONT : g->stop_signal;
        child_info(g, SIGCHLD, code, status, &si);
        mutex_lock(&parent->lock);
        sighand_action(parent->sighand, SIGCHLD, &act);
        mutex_unlock(&parent->lock);
        if (act.handler != HANDLER_IGNORE && !(act.flags & SA_NOCLDSTOP)) {
            int err = signal_send_group(parent, SIGCHLD, &si);
            (void)err; /* SIGCHLD always finds room */
        }
        waitq_wake(&parent->child_waitq, 0);
    } else if (!parent) {
        waitq_wake(&ts->idle, 0); /* whoever waits for it outside */
    }
    mutex_unlock(&ts->lock);
}

/*
 * Does nobody want to know? As do_notify_parent(): sends the signal otherwise. Whoever waits is
 * still to be woken.
 */
static bool notify_locked(struct thread_group *g)
{
    struct thread_group *parent = g->parent;
    struct abi_sigaction act;
    struct abi_siginfo si;
    int sig = g->exit_signal;

    if (!parent || sig < 0)
        return true;
    mutex_lock(&parent->lock);
    sighand_action(parent->sighand, SIGCHLD, &act);
    bool ends = parent->flags & GROUP_REAPS_ALL;
    mutex_unlock(&parent->lock);
    bool ignores = sig == SIGCHLD && act.handler == HANDLER_IGNORE;
    bool unseen = ignores || (sig == SIGCHLD && act.flags & SA_NOCLDWAIT) || ends;
    if (sig > 0 && sig <= SIGNAL_COUNT && !ignores) {
        int status = g->exit_code;
        int code = child_code(status);
        child_info(g, sig, code, code == CLD_EXITED ? WEXITSTATUS(status) : WTERMSIG(status), &si);
        int err = signal_send_group(parent, sig, &si);
        (void)err; /* a lost real-time signal is the parent's own choice of exit_signal */
    }
    return unseen;
}

/* ---- children get another parent ---- */

/* prctl(PR_SET_PDEATHSIG): the thread that made them has ended. */
static void send_pdeath_signal_locked(struct thread_group *child)
{
    struct task *t;

    list_for_each (t, &child->tasks, group_node) {
        struct abi_siginfo si;
        int sig = atomic_load(&t->pdeath_signal);
        if (!sig || atomic_load(&t->life) >= TASK_ZOMBIE)
            continue;
        siginfo_kernel(&si, sig, SI_USER);
        int err = signal_send_group(child, sig, &si);
        (void)err; /* a lost real-time signal is the receiver's own choice */
    }
}

void group_move_children_locked(struct thread_group *g, struct task *t)
{
    struct thread_group *child;
    struct task *other, *heir = NULL;

    list_for_each (other, &g->tasks, group_node) {
        if (other != t && atomic_load(&other->life) < TASK_ZOMBIE) {
            heir = other;
            break;
        }
    }
    list_for_each (child, &g->children, sibling) {
        if (child->parent_task != t)
            continue;
        child->parent_task = heir;
        send_pdeath_signal_locked(child);
    }
}

static struct task *first_live(struct thread_group *g)
{
    struct task *t;

    list_for_each (t, &g->tasks, group_node) {
        if (atomic_load(&t->life) < TASK_ZOMBIE)
            return t;
    }
    return NULL;
}

/* The nearest ancestor that is a subreaper, or the init of the child's pid namespace. */
static struct thread_group *find_reaper(struct thread_group *dying)
{
    struct pid_ns *ns = pid_ns_of(dying->pid);
    struct thread_group *init = ns->reaper == dying ? NULL : ns->reaper;

    for (struct thread_group *g = dying->parent; g && g != init; g = g->parent) {
        if (pid_ns_of(g->pid) != ns)
            break;
        if (g->subreaper && first_live(g))
            return g;
    }
    return init && first_live(init) ? init : NULL;
}

static void adopt_locked(struct thread_group *child, struct thread_group *father,
                         struct thread_group *reaper)
{
    struct task *t;

    list_del(&child->sibling);
    child->parent = reaper;
    child->adopted = reaper && pid_ns_of(reaper->pid)->reaper == reaper;
    child->parent_task = reaper ? first_live(reaper) : NULL;
    if (reaper)
        list_push_back(&reaper->children, &child->sibling);
    /* whoever takes it over expects SIGCHLD, whatever the father had asked for */
    child->exit_signal = SIGCHLD;
    list_for_each (t, &child->tasks, group_node)
        task_set_work(t, TASK_ANSWERS);
    send_pdeath_signal_locked(child);
    if (child->zombie) {
        if (notify_locked(child))
            group_release_locked(child);
        if (reaper)
            waitq_wake(&reaper->child_waitq, 0);
        return;
    }
    session_orphan_check_locked(child, father);
}

static void leave_children_locked(struct thread_group *g)
{
    struct thread_group *child, *reaper = find_reaper(g);
    struct list *next;

    list_for_each_safe (child, next, &g->children, sibling)
        adopt_locked(child, g, reaper);
}

/* ---- the end ---- */

void group_unlink_reaper_locked(struct thread_group *g)
{
    struct pid_ns *ns = pid_ns_of(g->pid);

    if (ns->reaper != g)
        return;
    ns->reaper = NULL;
    ns->dead = true;
}

struct thread_group *group_end_locked(struct thread_group *g)
{
    struct thread_group *parent = g->parent ? group_get(g->parent) : NULL;

    mutex_lock(&g->lock);
    sigpending_flush(g->arena, &g->pending, ~(sigset64)0);
    mutex_unlock(&g->lock);
    leave_children_locked(g);
    group_unlink_reaper_locked(g);
    session_orphan_check_locked(g, NULL);
    if (g->session->leader == g)
        g->session->leader = NULL;
    g->zombie = true;
    waitq_wake(&g->pid->waitq, POLLIN);
    if (notify_locked(g))
        group_release_locked(g);
    return parent;
}

void group_tell_end(struct thread_group *parent)
{
    if (parent)
        waitq_wake(&parent->child_waitq, 0);
    group_put(parent);
}
