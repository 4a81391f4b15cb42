/* SPDX-License-Identifier: Apache-2.0 */
/* msgsnd(2) and msgrcv(2). */
#include <errno.h>
#include <string.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/msg_priv.h"

static int may_locked(const struct msg_queue *q, const struct ipc_caller *c, int mode)
    HOLDS(q->object.lock);
static int may_locked(const struct msg_queue *q, const struct ipc_caller *c, int mode)
{
    int err = ipc_object_may_locked(&q->object, c, mode);

    return !err && q->object.removed ? -EIDRM : err;
}

/* ---- sending ---- */

static void answer_locked(struct msg_queue *q, struct msg_wait *w, struct msg *m, int error)
    HOLDS(q->object.lock);
static void answer_locked(struct msg_queue *q, struct msg_wait *w, struct msg *m, int error)
{
    (void)q;
    list_del(&w->node);
    w->msg = m;
    w->error = error;
    atomic_store(&w->answered, true);
    waitq_wake(&w->waitq, 0);
}

void msg_answer_all_locked(struct msg_queue *q, int error)
{
    struct msg_wait *w;

    while ((w = list_first(&q->receivers, struct msg_wait, node)))
        answer_locked(q, w, NULL, error);
}

static bool matches(const struct msg *m, const struct msg_want *want)
{
    switch (want->search) {
    case MSG_EQUAL:
        return m->type == want->type;
    case MSG_NOT_EQUAL:
        return m->type != want->type;
    case MSG_LESS_EQUAL:
        return m->type <= want->type;
    default:
        return true;
    }
}

static bool fits(const struct msg *m, const struct msg_want *want)
{
    return want->cut || m->size <= want->room;
}

/* Whether somebody waits for it, and has it now. Who has no room for it hears that, as in Linux. */
static bool hand_over_locked(struct msg_queue *q, struct msg *m) HOLDS(q->object.lock);
static bool hand_over_locked(struct msg_queue *q, struct msg *m)
{
    struct msg_wait *w;
    struct list *next;

    list_for_each_safe (w, next, &q->receivers, node) {
        if (!matches(m, &w->want))
            continue;
        if (fits(m, &w->want)) {
            q->rtime = q->stime;
            ipc_object_note_pid(&q->object, &q->lrpid, w->pid);
            answer_locked(q, w, m, 0);
            return true;
        }
        answer_locked(q, w, NULL, -E2BIG);
    }
    return false;
}

static int send_locked(struct msg_queue *q, const struct ipc_caller *c, struct msg *m)
    HOLDS(q->object.lock);
static int send_locked(struct msg_queue *q, const struct ipc_caller *c, struct msg *m)
{
    int err = may_locked(q, c, 0222);

    if (err)
        return err;
    if (m->size > q->most || q->bytes > q->most - m->size || q->count >= q->most)
        return -EAGAIN;
    q->stime = ipc_time(arena_of(q));
    ipc_object_note_pid(&q->object, &q->lspid, c->pid);
    if (hand_over_locked(q, m))
        return 0;
    list_push_back(&q->messages, &m->node);
    q->bytes += m->size;
    q->count++;
    return 0;
}

int msg_send(struct msg_queue *q, const struct ipc_caller *c, struct msg **m)
{
    mutex_lock(&q->object.lock);
    int err = send_locked(q, c, *m);
    if (!err)
        *m = NULL;
    mutex_unlock(&q->object.lock);
    return err;
}

struct waitq *msg_senders(struct msg_queue *q)
{
    return &q->senders;
}

/* ---- receiving ---- */

/* The first; of MSG_LESS_EQUAL, the first of the lowest type. */
static struct msg *find_locked(struct msg_queue *q, const struct msg_want *want)
    HOLDS(q->object.lock);
static struct msg *find_locked(struct msg_queue *q, const struct msg_want *want)
{
    struct msg *m, *found = NULL;
    int64_t n = 0;

    list_for_each (m, &q->messages, node) {
        if (want->search == MSG_NUMBER ? n++ != want->type : !matches(m, want))
            continue;
        if (want->search != MSG_LESS_EQUAL)
            return m;
        if (!found || m->type < found->type)
            found = m;
    }
    return found;
}

static int take_locked(struct msg_queue *q, struct pid *by, const struct msg_want *want,
                       struct msg **out) HOLDS(q->object.lock);
static int take_locked(struct msg_queue *q, struct pid *by, const struct msg_want *want,
                       struct msg **out)
{
    struct msg *m = find_locked(q, want);

    if (!m)
        return -ENOMSG;
    if (!fits(m, want))
        return -E2BIG;
    list_del(&m->node);
    q->count--;
    q->bytes -= m->size;
    q->rtime = ipc_time(arena_of(q));
    ipc_object_note_pid(&q->object, &q->lrpid, by);
    waitq_wake(&q->senders, 0);
    *out = m;
    return 0;
}

static void wait_locked(struct msg_queue *q, const struct ipc_caller *c,
                        const struct msg_want *want, struct msg_wait *w) HOLDS(q->object.lock);
static void wait_locked(struct msg_queue *q, const struct ipc_caller *c,
                        const struct msg_want *want, struct msg_wait *w)
{
    *w = (struct msg_wait){ .queue = q, .want = *want, .pid = c->pid, .error = -EINTR };
    ipc_object_get(&q->object);
    waitq_init(&w->waitq);
    list_init(&w->node);
    list_push_back(&q->receivers, &w->node);
}

int msg_receive_begin(struct msg_queue *q, const struct ipc_caller *c, const struct msg_want *want,
                      struct msg_wait *w, struct msg **out)
{
    mutex_lock(&q->object.lock);
    int err = may_locked(q, c, 0444);
    if (!err)
        err = take_locked(q, c->pid, want, out);
    if (err == -ENOMSG && w) {
        wait_locked(q, c, want, w);
        err = 1;
    }
    mutex_unlock(&q->object.lock);
    return err;
}

int msg_receive_end(struct msg_wait *w, struct msg **out)
{
    struct msg_queue *q = w->queue;

    /* Who answers holds the lock until the last look at `w`. */
    mutex_lock(&q->object.lock);
    list_del(&w->node);
    mutex_unlock(&q->object.lock);
    waitq_destroy(&w->waitq);
    msg_queue_put(q);
    if (!w->error)
        *out = w->msg;
    return w->error;
}

/* copy_msg(): one that is too long is not copied in part, whatever MSG_NOERROR says. */
static int peek_locked(struct msg_queue *q, const struct msg_want *want, struct msg *to)
    HOLDS(q->object.lock);
static int peek_locked(struct msg_queue *q, const struct msg_want *want, struct msg *to)
{
    const struct msg *m = find_locked(q, want);

    if (!m)
        return -ENOMSG;
    if (!fits(m, want))
        return -E2BIG;
    if (m->size > to->size)
        return -EINVAL;
    to->type = m->type;
    to->size = m->size;
    memcpy(to->text, m->text, to->size);
    return 0;
}

int msg_peek(struct msg_queue *q, const struct ipc_caller *c, const struct msg_want *want,
             struct msg **out)
{
    uint64_t room = min(want->room, (uint64_t)atomic_load(&c->ns->msg.max));
    struct msg *copy;
    int err = msg_create(arena_of(q), 0, room, &copy);

    if (err)
        return err;
    mutex_lock(&q->object.lock);
    err = may_locked(q, c, 0444);
    if (!err)
        err = peek_locked(q, want, copy);
    mutex_unlock(&q->object.lock);
    if (err)
        msg_destroy(copy);
    else
        *out = copy;
    return err;
}
