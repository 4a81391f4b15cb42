/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at children. All happens under RANK_TASKS, so that two threads never take
 * the same child.
 *
 *   source    wait(2); kernel/exit.c, wait_consider_task(), Linux 6.6
 */
#include "sentry/task/wait.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "sentry/task/task_priv.h"

/* Is it one that the request means at all? */
static bool is_meant(struct task *t, const struct thread_group *child, const struct wait_request *r)
{
    if (r->kind == WAIT_FOR_PGRP ? child->pgrp != r->pid
                                 : r->kind != WAIT_FOR_ANY && child->pid != r->pid)
        return false;
    if (r->options & __WNOTHREAD && child->parent_task != t)
        return false;
    /* a "clone" child is one that ends with another signal than SIGCHLD */
    bool clone = child->exit_signal != SIGCHLD;
    return r->options & __WALL || clone == !!(r->options & __WCLONE);
}

static void describe(struct task *t, struct thread_group *child, int code, int status,
                     struct wait_result *out)
{
    memset(out, 0, sizeof *out);
    out->pid = pid_nr(child->pid, pid_ns_of(t->pid));
    out->code = code;
    out->status = status;
    if (child->leader) {
        const struct cred *c = task_cred_get(child->leader);
        out->uid = user_ns_uid_out(t->cred->user_ns, c->ruid);
        cred_put((struct cred *)c);
    }
}

/* Its time and events, and those of its own dead children, become the parent's. */
static void inherit_usage(struct thread_group *parent, struct thread_group *child)
{
    struct usage u;

    mutex_lock(&child->lock);
    u = child->dead;
    usage_add(&u, &child->reaped);
    mutex_unlock(&child->lock);
    mutex_lock(&parent->lock);
    usage_add(&parent->reaped, &u);
    mutex_unlock(&parent->lock);
}

static bool take_ended(struct task *t, struct thread_group *child, const struct wait_request *r,
                       struct wait_result *out)
{
    int status = child->exit_code;

    if (!child->zombie || !(r->options & WEXITED))
        return false;
    describe(t, child, WIFEXITED(status) ? CLD_EXITED : CLD_KILLED, status, out);
    mutex_lock(&child->lock);
    out->usage = child->dead;
    usage_add(&out->usage, &child->reaped);
    mutex_unlock(&child->lock);
    if (!(r->options & WNOWAIT)) {
        inherit_usage(t->group, child);
        group_release_locked(child);
    }
    return true;
}

/* Takes a piece of news: it is told once. */
static bool take_news(struct thread_group *child, uint32_t news, bool keep_it, int *signal)
{
    mutex_lock(&child->lock);
    bool is = child->flags & news;
    if (is && !keep_it)
        child->flags &= ~news;
    *signal = child->stop_signal;
    mutex_unlock(&child->lock);
    return is;
}

static bool take_stopped(struct task *t, struct thread_group *child, const struct wait_request *r,
                         struct wait_result *out)
{
    int sig;

    if (child->zombie)
        return false;
    if (r->options & WSTOPPED && take_news(child, GROUP_STOP_NEWS, r->options & WNOWAIT, &sig)) {
        describe(t, child, CLD_STOPPED, sig << 8 | 0x7f, out);
    } else if (r->options & WCONTINUED &&
               take_news(child, GROUP_CONTINUED, r->options & WNOWAIT, &sig)) {
        describe(t, child, CLD_CONTINUED, 0xffff, out);
    } else {
        return false;
    }
    usage_of_group(child, &out->usage);
    return true;
}

static int wait_locked(struct task *t, const struct wait_request *r, struct wait_result *out)
{
    struct thread_group *child;
    int result = -ECHILD;

    list_for_each (child, &t->group->children, sibling) {
        if (!is_meant(t, child, r))
            continue;
        if (take_ended(t, child, r, out) || take_stopped(t, child, r, out))
            return 0;
        /* one that has ended will not do anything else */
        if (!child->zombie || r->options & WEXITED)
            result = -EAGAIN;
    }
    return result;
}

int wait_child(struct task *t, const struct wait_request *r, struct wait_result *out)
{
    struct tasks *ts = tasks_of(t->arena);

    if (r->kind != WAIT_FOR_ANY && !r->pid)
        return -ECHILD;
    mutex_lock(&ts->lock);
    int err = wait_locked(t, r, out);
    mutex_unlock(&ts->lock);
    return err;
}
