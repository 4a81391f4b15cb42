/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and messages: how they begin and end. */
#include "sentry/ipc/msg.h"

#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/msg_priv.h"

#define MSG_MAX 8192
#define MSG_MNB 16384
#define MSG_MNI 32000

static const struct slab_type msg_queue_slab =
    SLAB_TYPE(msg_queue, struct msg_queue, .const_ptrs = { IPC_OBJECT_PTRS(struct msg_queue) });

void msg_table_init(struct msg_table *t, struct arena *a)
{
    ipc_ids_init(&t->ids, a);
    t->max = MSG_MAX;
    t->mnb = MSG_MNB;
    t->mni = MSG_MNI;
}

int msg_create(struct arena *a, int64_t type, uint64_t size, struct msg **out)
{
    struct msg *m = arena_alloc(a, sizeof *m + size);

    if (!m)
        return -ENOMEM;
    list_init(&m->node);
    m->type = type;
    m->size = size;
    *out = m;
    return 0;
}

void msg_destroy(struct msg *m)
{
    arena_free(m);
}

/* ---- a queue ---- */

static const struct ipc_kind msg_kind;

static int queue_create(const struct ipc_caller *c, int flags, const void *want,
                        struct ipc_object **out)
{
    struct msg_table *t = &c->ns->msg;
    struct msg_queue *q = slab_alloc(t->ids.arena, &msg_queue_slab);

    (void)want;
    if (!q)
        return -ENOMEM;
    ipc_object_init(&q->object, &msg_kind, c, flags);
    list_init(&q->messages);
    list_init(&q->receivers);
    waitq_init(&q->senders);
    q->most = (uint64_t)atomic_load(&t->mnb);
    q->ctime = ipc_time(t->ids.arena);
    *out = &q->object;
    return 0;
}

static void queue_destroy(struct ipc_object *o)
{
    struct msg_queue *q = msg_of(o);
    struct msg *m;

    assert(list_empty(&q->receivers));
    while ((m = list_pop_front(&q->messages, struct msg, node)))
        msg_destroy(m);
    ipc_object_note_pid(o, &q->lspid, NULL);
    ipc_object_note_pid(o, &q->lrpid, NULL);
    waitq_destroy(&q->senders);
    slab_free(q);
}

static const struct ipc_kind msg_kind = {
    .create = queue_create,
    .destroy = queue_destroy,
};

int msg_open_key(const struct ipc_caller *c, int key, int flags)
{
    struct msg_table *t = &c->ns->msg;

    return ipc_ids_open(&t->ids, c, &msg_kind, key, flags, NULL, (uint32_t)atomic_load(&t->mni));
}

int msg_find(const struct ipc_caller *c, int id, struct msg_queue **out)
{
    struct ipc_object *o;
    int err = ipc_ids_get(&c->ns->msg.ids, id, &o);

    if (!err)
        *out = msg_of(o);
    return err;
}

void msg_queue_put(struct msg_queue *q)
{
    ipc_object_put(&q->object);
}

/* ---- the end ---- */

static void leave_table_locked(struct msg_table *t, struct msg_queue *q)
    HOLDS(t->ids.lock, q->object.lock);
static void leave_table_locked(struct msg_table *t, struct msg_queue *q)
{
    msg_answer_all_locked(q, -EIDRM);
    ipc_ids_remove_locked(&t->ids, &q->object);
    waitq_wake(&q->senders, 0);
}

int msg_remove(const struct ipc_caller *c, int id)
{
    struct msg_table *t = &c->ns->msg;
    struct msg_queue *q;
    int err = msg_find(c, id, &q);

    if (err)
        return err;
    mutex_lock(&t->ids.lock);
    mutex_lock(&q->object.lock);
    err = q->object.removed ? -EIDRM : ipc_object_owned_locked(&q->object, c);
    if (!err)
        leave_table_locked(t, q);
    mutex_unlock(&q->object.lock);
    mutex_unlock(&t->ids.lock);
    if (!err)
        msg_queue_put(q); /* the table's */
    msg_queue_put(q);
    return err;
}

void msg_table_end(struct msg_table *t)
{
    struct ipc_object *o;

    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        struct msg_queue *q = msg_of(o);
        mutex_lock(&t->ids.lock);
        mutex_lock(&q->object.lock);
        leave_table_locked(t, q);
        mutex_unlock(&q->object.lock);
        mutex_unlock(&t->ids.lock);
        msg_queue_put(q); /* the table's */
        msg_queue_put(q);
    }
    ipc_ids_destroy(&t->ids);
}
