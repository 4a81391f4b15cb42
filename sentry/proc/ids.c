/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the tables of tasks say of one. */
#include "sentry/proc/ids.h"

#include "sentry/task/session.h"
#include "sentry/task/sighand.h"
#include "sentry/task/tasks.h"

static void numbers_of(const struct proc_view *v, const struct pid *p, struct proc_numbers *out)
{
    out->count = 0;
    for (uint32_t level = proc_pids(v)->level; p && level <= p->level; level++)
        out->nr[out->count++] = p->numbers[level].nr;
    if (!out->count)
        out->nr[out->count++] = 0;
}

void proc_ids(const struct proc_view *v, struct proc_ids *out)
{
    struct tasks *ts = tasks_of(v->arena);
    struct task *t = v->task;
    struct thread_group *g = t->group;

    mutex_lock(&ts->lock);
    const struct pid *session = g->session ? g->session->pid : NULL;
    out->tid = t->pid ? proc_nr(v, t->pid) : 0;
    out->tgid = proc_nr(v, g->pid);
    out->ppid = g->parent ? proc_nr(v, g->parent->pid) : 0;
    out->pgid = g->pgrp ? proc_nr(v, g->pgrp) : 0;
    out->sid = session ? proc_nr(v, session) : 0;
    numbers_of(v, t->pid, &out->ns_tid);
    numbers_of(v, g->pid, &out->ns_tgid);
    numbers_of(v, g->pgrp, &out->ns_pgid);
    numbers_of(v, session, &out->ns_sid);
    mutex_unlock(&ts->lock);
}

void proc_signals(struct task *t, struct proc_signals *out)
{
    struct thread_group *g = t->group;

    *out = (struct proc_signals){ 0 };
    mutex_lock(&g->lock);
    out->pending = t->pending.set;
    out->shared = g->pending.set;
    out->blocked = t->blocked;
    for (int sig = 1; g->sighand && sig <= SIGNAL_COUNT; sig++) {
        uint64_t handler = sighand_handler(g->sighand, sig);
        if (handler == HANDLER_IGNORE)
            out->ignored |= SIG_BIT(sig);
        else if (handler != HANDLER_DEFAULT)
            out->caught |= SIG_BIT(sig);
    }
    mutex_unlock(&g->lock);
}
