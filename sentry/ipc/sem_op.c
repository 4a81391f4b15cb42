/* SPDX-License-Identifier: Apache-2.0 */
/*
 * semop(2): done at once, or in turn.
 *
 * The queue is looked through from its oldest on whenever a value has changed, and again from
 * there after each of its calls that has changed one. So what could be done is never left
 * waiting, and a call that wants more than there is does not keep others from what is left.
 */
#include <errno.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/sem_priv.h"

static int errno_of(enum sem_answer a)
{
    return a == SEM_DONE ? 0 : a == SEM_AGAIN ? -EAGAIN : -ERANGE;
}

static void note_done_locked(struct sem_set *s, const struct sem_wait *w) HOLDS(s->object.lock);
static void note_done_locked(struct sem_set *s, const struct sem_wait *w)
{
    for (unsigned i = 0; i < w->request.count; i++)
        ipc_object_note_pid(&s->object, &s->sems[w->request.ops[i].sem_num].pid, w->pid);
}

static void answer_locked(struct sem_set *s, struct sem_wait *w, int answer) HOLDS(s->object.lock);
static void answer_locked(struct sem_set *s, struct sem_wait *w, int answer)
{
    (void)s;
    list_del(&w->node);
    w->pending = false;
    atomic_store(&w->answer, answer);
    atomic_store(&w->answered, true);
    waitq_wake(&w->waitq, 0);
}

void sem_answer_all_locked(struct sem_set *s, int answer)
{
    struct sem_wait *w;

    while ((w = list_first(&s->queue, struct sem_wait, node)))
        answer_locked(s, w, answer);
}

/* The next that need not wait any more gets its answer. Whether a value has changed by it. */
static bool settle_one_locked(struct sem_set *s, struct sem_wait **next) HOLDS(s->object.lock);
static bool settle_one_locked(struct sem_set *s, struct sem_wait **next)
{
    struct sem_wait *w = *next;
    enum sem_answer a = sem_solve(s->sems, &w->request, &w->blocking);

    *next = list_next(&s->queue, w, node);
    if (a == SEM_WAIT)
        return false;
    if (a == SEM_DONE)
        note_done_locked(s, w);
    bool changed = a == SEM_DONE && sem_request_alters(&w->request);
    answer_locked(s, w, errno_of(a));
    return changed;
}

/* Whether anybody's call was done. */
static bool settle_locked(struct sem_set *s) HOLDS(s->object.lock);
static bool settle_locked(struct sem_set *s)
{
    struct sem_wait *w = list_first(&s->queue, struct sem_wait, node);
    bool any = false;

    while (w) {
        if (!settle_one_locked(s, &w))
            continue;
        any = true;
        w = list_first(&s->queue, struct sem_wait, node);
    }
    return any;
}

void sem_settle_locked(struct sem_set *s, bool note_time)
{
    if (settle_locked(s) || note_time)
        s->otime = ipc_time(arena_of(s));
}

static int check_locked(struct sem_set *s, const struct ipc_caller *c, const struct sem_request *r)
    HOLDS(s->object.lock);
static int check_locked(struct sem_set *s, const struct ipc_caller *c, const struct sem_request *r)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->ops[i].sem_num >= s->count)
            return -EFBIG;
    int err = ipc_object_may_locked(&s->object, c, sem_request_alters(r) ? 0222 : 0444);
    if (err)
        return err;
    return s->object.removed ? -EIDRM : 0;
}

/* True: it waits. */
static int begin_locked(struct sem_set *s, struct sem_wait *w) HOLDS(s->object.lock);
static int begin_locked(struct sem_set *s, struct sem_wait *w)
{
    enum sem_answer a = sem_solve(s->sems, &w->request, &w->blocking);

    if (a == SEM_WAIT) {
        list_push_back(&s->queue, &w->node);
        w->pending = true;
        return true;
    }
    if (a != SEM_DONE)
        return errno_of(a);
    note_done_locked(s, w);
    if (sem_request_alters(&w->request))
        sem_settle_locked(s, true);
    else
        s->otime = ipc_time(arena_of(s));
    return 0;
}

/* The debts are made before it is known whether there will be any: as find_alloc_undo(). */
static int find_undo(const struct ipc_caller *c, struct sem_undo_list *l, struct sem_wait *w)
{
    if (!sem_request_undoes(w->request.ops, w->request.count))
        return 0;
    return sem_undo_find(&c->ns->sem, l, w->set, &w->request.adjust);
}

int sem_op_begin(const struct ipc_caller *c, struct sem_undo_list *undo, int id,
                 const struct sembuf *ops, unsigned count, struct sem_wait *w)
{
    struct sem_set *s;
    int err = sem_find(c, id, &s);

    if (err)
        return err;
    *w = (struct sem_wait){
        .request = {.ops = ops, .count = count},
          .set = s, .pid = c->pid
    };
    list_init(&w->node);
    waitq_init(&w->waitq);
    err = find_undo(c, undo, w);
    if (!err) {
        mutex_lock(&s->object.lock);
        err = check_locked(s, c, &w->request);
        if (!err)
            err = begin_locked(s, w);
        mutex_unlock(&s->object.lock);
    }
    if (err <= 0) {
        waitq_destroy(&w->waitq);
        ipc_object_put(&s->object);
    }
    return err;
}

int sem_op_end(struct sem_wait *w, bool *done)
{
    struct sem_set *s = w->set;

    /* Who answers holds the lock until the last look at `w`. */
    mutex_lock(&s->object.lock);
    *done = !w->pending;
    if (w->pending)
        list_del(&w->node);
    mutex_unlock(&s->object.lock);
    waitq_destroy(&w->waitq);
    ipc_object_put(&s->object);
    return *done ? atomic_load(&w->answer) : 0;
}
