/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message queue: what is in it, and who waits.
 *
 * Whoever finds the queue full (to send) or empty (to receive) stands in line. From then on it
 * is served by others: a receiver that makes room puts the first sender's message in itself,
 * and a sender hands its message to the first receiver, past the queue. So
 *
 *     a sender stands in line     only while the queue is full
 *     a receiver stands in line   only while it is empty
 *
 * and nobody who comes later can be faster than those who wait. A message that was handed over
 * never was in the queue: no file becomes readable by it, and nobody is told.
 *
 *   source    mq_overview(7), mq_send(3), mq_receive(3), mq_notify(3); ipc/mqueue.c, Linux 6.6
 */
#include <errno.h>
#include <fcntl.h>

#include "sentry/ipc/mqueue_priv.h"

/* ---- messages ---- */

struct mqueue_msg *mqueue_msg_create(struct arena *a, size_t size, uint32_t priority)
{
    struct mqueue_msg *m = arena_alloc(a, sizeof *m + size);

    if (!m)
        return NULL;
    m->size = size;
    m->priority = priority;
    return m;
}

void mqueue_msg_destroy(struct mqueue_msg *m)
{
    arena_free(m);
}

void *mqueue_msg_bytes(struct mqueue_msg *m)
{
    return m->bytes;
}

size_t mqueue_msg_size(const struct mqueue_msg *m)
{
    return m->size;
}

uint32_t mqueue_msg_priority(const struct mqueue_msg *m)
{
    return m->priority;
}

static bool is_more_urgent(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct mqueue_msg, node)->priority >
           rb_entry(b, struct mqueue_msg, node)->priority;
}

static void insert_locked(struct mqueue *q, struct mqueue_msg *m) HOLDS(q->lock);
static void insert_locked(struct mqueue *q, struct mqueue_msg *m)
{
    rb_insert(&q->msgs, &m->node, is_more_urgent);
    q->curmsgs++;
    q->size += m->size;
}

static struct mqueue_msg *take_locked(struct mqueue *q) HOLDS(q->lock);
static struct mqueue_msg *take_locked(struct mqueue *q)
{
    struct mqueue_msg *m = rb_entry(rb_first(&q->msgs), struct mqueue_msg, node);

    rb_erase(&q->msgs, &m->node);
    q->curmsgs--;
    q->size -= m->size;
    return m;
}

/* ---- the queue ---- */

void mqueue_init(struct mqueue *q, uint64_t maxmsg, uint64_t msgsize)
{
    mutex_init(&q->lock, RANK_PIPE);
    q->maxmsg = maxmsg;
    q->msgsize = msgsize;
    list_init(&q->senders);
    list_init(&q->receivers);
    list_init(&q->files);
}

void mqueue_destroy(struct mqueue *q)
{
    assert(list_empty(&q->senders) && list_empty(&q->receivers) && list_empty(&q->files));
    mutex_lock(&q->lock);
    while (q->curmsgs > 0)
        mqueue_msg_destroy(take_locked(q));
    mutex_unlock(&q->lock);
    if (q->notice)
        q->notice->ops->release(q->notice);
}

unsigned mqueue_ready(struct mqueue *q)
{
    mutex_lock(&q->lock);
    unsigned ready = (q->curmsgs > 0 ? POLLIN | POLLRDNORM : 0) |
                     (q->curmsgs < q->maxmsg ? POLLOUT | POLLWRNORM : 0);
    mutex_unlock(&q->lock);
    return ready;
}

/* As Linux, at every change: those who wait for edges count them. */
static void wake_files_locked(struct mqueue *q) HOLDS(q->lock);
static void wake_files_locked(struct mqueue *q)
{
    struct mqueue_file *f;

    list_for_each (f, &q->files, node)
        waitq_wake(&f->file.waitq, 0);
}

/* ---- the line ---- */

void mqueue_wait_init(struct mqueue_wait *w, struct task *t, int nice, struct mqueue_msg *msg)
{
    *w = (struct mqueue_wait){ .task = t, .nice = nice, .msg = msg };
    list_init(&w->node);
    waitq_init(&w->waitq);
}

static void stand_in_line_locked(struct list *line, struct mqueue_wait *w)
{
    struct mqueue_wait *before;

    if (w->in_line)
        return;
    w->in_line = true;
    list_for_each (before, line, node) {
        if (before->nice > w->nice) {
            list_insert_before(&before->node, &w->node);
            return;
        }
    }
    list_push_back(line, &w->node);
}

/* The first in line leaves it, served: it has, or is rid of, what w->msg says. */
static void serve_locked(struct mqueue_wait *w, struct mqueue_msg *msg)
{
    list_del(&w->node);
    w->in_line = false;
    w->served = true;
    w->msg = msg;
    waitq_wake(&w->waitq, 0);
}

bool mqueue_wait_end(struct file *f, struct mqueue_wait *w)
{
    struct mqueue *q = mqueue_of(f->inode);

    mutex_lock(&q->lock);
    if (w->in_line)
        list_del(&w->node);
    w->in_line = false;
    bool served = w->served;
    mutex_unlock(&q->lock);
    waitq_destroy(&w->waitq);
    return served;
}

/* ---- sending and receiving ---- */

/* `due`: the notice that is to be fired, once nothing is locked. */
static int send_locked(struct mqueue *q, struct mqueue_wait *w, bool in_line,
                       struct mqueue_notice **due) HOLDS(q->lock)
{
    struct mqueue_wait *r = list_first(&q->receivers, struct mqueue_wait, node);

    if (w->served)
        return 0;
    if (q->curmsgs == q->maxmsg) {
        if (in_line)
            stand_in_line_locked(&q->senders, w);
        return -EAGAIN;
    }
    assert(!w->in_line);
    if (r) {
        serve_locked(r, keep(w->msg));
        return 0;
    }
    insert_locked(q, keep(w->msg));
    if (q->curmsgs == 1)
        *due = keep(q->notice);
    wake_files_locked(q);
    return 0;
}

int mqueue_send(struct file *f, struct mqueue_wait *w, bool in_line)
{
    struct mqueue *q = mqueue_of(f->inode);
    struct mqueue_notice *due = NULL;

    mutex_lock(&q->lock);
    bool waited = w->served;
    int err = send_locked(q, w, in_line, &due);
    mutex_unlock(&q->lock);
    if (due) {
        due->ops->fire(due, w->task);
        due->ops->release(due);
    }
    if (!err && !waited)
        inode_touch(&q->inode, ATTR_ATIME | ATTR_MTIME);
    return err;
}

static int receive_locked(struct mqueue *q, struct mqueue_wait *w, bool in_line) HOLDS(q->lock)
{
    struct mqueue_wait *s = list_first(&q->senders, struct mqueue_wait, node);

    if (w->served)
        return 0;
    if (q->curmsgs == 0) {
        if (in_line)
            stand_in_line_locked(&q->receivers, w);
        return -EAGAIN;
    }
    assert(!w->in_line);
    w->msg = take_locked(q);
    if (s) {
        insert_locked(q, s->msg);
        serve_locked(s, NULL);
    } else {
        wake_files_locked(q);
    }
    return 0;
}

int mqueue_receive(struct file *f, struct mqueue_wait *w, bool in_line)
{
    struct mqueue *q = mqueue_of(f->inode);

    mutex_lock(&q->lock);
    bool waited = w->served;
    int err = receive_locked(q, w, in_line);
    mutex_unlock(&q->lock);
    if (!err && !waited)
        inode_touch(&q->inode, ATTR_ATIME | ATTR_MTIME);
    return err;
}

/* ---- who is told ---- */

int mqueue_set_notice(struct file *f, struct mqueue_notice *n)
{
    struct mqueue *q = mqueue_of(f->inode);

    mutex_lock(&q->lock);
    int err = q->notice ? -EBUSY : 0;
    if (!err)
        q->notice = n;
    mutex_unlock(&q->lock);
    if (err)
        n->ops->release(n);
    else
        inode_touch(&q->inode, ATTR_ATIME);
    return err;
}

struct mqueue_notice *mqueue_take_notice(struct mqueue *q, const struct task *t)
{
    struct mqueue_notice *n = NULL;

    mutex_lock(&q->lock);
    if (q->notice && q->notice->ops->is_of(q->notice, t))
        n = keep(q->notice);
    mutex_unlock(&q->lock);
    return n;
}

void mqueue_clear_notice(struct file *f, const struct task *t)
{
    struct mqueue_notice *n = mqueue_take_notice(mqueue_of(f->inode), t);

    if (!n)
        return;
    n->ops->release(n);
    inode_touch(f->inode, ATTR_ATIME);
}

/* ---- attributes ---- */

void mqueue_get_attr(struct file *f, struct abi_mq_attr *out)
{
    struct mqueue *q = mqueue_of(f->inode);

    mutex_lock(&q->lock);
    *out = (struct abi_mq_attr){ .flags = file_nonblock(f) ? O_NONBLOCK : 0,
                                 .maxmsg = (int64_t)q->maxmsg,
                                 .msgsize = (int64_t)q->msgsize,
                                 .curmsgs = (int64_t)q->curmsgs };
    mutex_unlock(&q->lock);
}

void mqueue_set_nonblock(struct file *f, bool nonblock)
{
    if (nonblock)
        atomic_fetch_or(&f->flags, (uint32_t)O_NONBLOCK);
    else
        atomic_fetch_and(&f->flags, ~(uint32_t)O_NONBLOCK);
    inode_touch(f->inode, ATTR_ATIME);
}
