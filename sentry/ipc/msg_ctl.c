/* SPDX-License-Identifier: Apache-2.0 */
/* msgctl(2): what a queue tells, and what its owner may change. */
#include <errno.h>
#include <linux/capability.h>

#include "sentry/ipc/ipc_ns.h"
#include "sentry/ipc/msg_priv.h"

#define MSG_POOL (MSGMNI * MSGMNB / 1024) /* kB */

/* ---- telling ---- */

static void stat_locked(struct msg_queue *q, const struct ipc_caller *c, struct msg_stat *out)
    HOLDS(q->object.lock);
static void stat_locked(struct msg_queue *q, const struct ipc_caller *c, struct msg_stat *out)
{
    *out = (struct msg_stat){
        .ds = {.msg_stime = q->stime,
               .msg_rtime = q->rtime,
               .msg_ctime = q->ctime,
               .msg_cbytes = q->bytes,
               .msg_qnum = q->count,
               .msg_qbytes = q->most},
        .id = q->object.id,
    };
    ipc_object_stat_locked(&q->object, c->cred->user_ns, &out->ds.msg_perm);
    ipc_object_note_pid(&q->object, &out->lspid, q->lspid);
    ipc_object_note_pid(&q->object, &out->lrpid, q->lrpid);
}

static int stat_one(struct msg_queue *q, const struct ipc_caller *c, int mode, struct msg_stat *out)
{
    mutex_lock(&q->object.lock);
    int err = mode ? ipc_object_may_locked(&q->object, c, mode) : 0;
    if (!err && q->object.removed)
        err = -EIDRM;
    if (!err)
        stat_locked(q, c, out);
    mutex_unlock(&q->object.lock);
    return err;
}

int msg_stat_get(const struct ipc_caller *c, int id, int cmd, struct msg_stat *out)
{
    struct ipc_ids *ids = &c->ns->msg.ids;
    struct ipc_object *o;
    int err = cmd == IPC_STAT ? ipc_ids_get(ids, id, &o) : ipc_ids_get_slot(ids, id, &o);

    if (err)
        return err;
    err = stat_one(msg_of(o), c, cmd == MSG_STAT_ANY ? 0 : 0444, out);
    ipc_object_put(o);
    return err;
}

bool msg_stat_next(const struct ipc_caller *c, uint32_t *slot, struct msg_stat *out)
{
    struct ipc_object *o;
    int err = -EIDRM;

    while (err && (o = ipc_ids_next(&c->ns->msg.ids, slot))) {
        err = stat_one(msg_of(o), c, 0, out);
        ipc_object_put(o);
        ++*slot;
    }
    return !err;
}

void msg_stat_put(const struct ipc_ns *ns, struct msg_stat *s)
{
    if (s->lspid)
        ns->pids->put(s->lspid);
    if (s->lrpid)
        ns->pids->put(s->lrpid);
}

/* What is in all queues. */
static void sum_up(struct msg_table *t, uint64_t *messages, uint64_t *bytes)
{
    struct ipc_object *o;

    *messages = *bytes = 0;
    for (uint32_t slot = 0; (o = ipc_ids_next(&t->ids, &slot)); slot++) {
        mutex_lock(&o->lock);
        *messages += msg_of(o)->count;
        *bytes += msg_of(o)->bytes;
        mutex_unlock(&o->lock);
        ipc_object_put(o);
    }
}

int msg_info(struct ipc_ns *ns, bool used, struct msginfo *out)
{
    struct msg_table *t = &ns->msg;
    uint64_t messages, bytes;
    uint32_t queues;
    int highest = ipc_ids_highest(&t->ids, &queues);

    *out = (struct msginfo){
        .msgpool = MSG_POOL,
        .msgmap = MSGMNB,
        .msgmax = atomic_load(&t->max),
        .msgmnb = atomic_load(&t->mnb),
        .msgmni = atomic_load(&t->mni),
        .msgssz = MSGSSZ,
        .msgtql = MSGMNB,
        .msgseg = 0xffff,
    };
    if (!used)
        return highest;
    sum_up(t, &messages, &bytes);
    out->msgpool = (int)queues;
    out->msgmap = (int)min(messages, (uint64_t)INT32_MAX);
    out->msgtql = (int)min(bytes, (uint64_t)INT32_MAX);
    return highest;
}

/* ---- changing ---- */

static int set_locked(struct msg_queue *q, const struct ipc_caller *c,
                      const struct msqid64_ds *from) HOLDS(q->object.lock);
static int set_locked(struct msg_queue *q, const struct ipc_caller *c,
                      const struct msqid64_ds *from)
{
    int err = q->object.removed ? -EIDRM : ipc_object_owned_locked(&q->object, c);

    if (err)
        return err;
    if (from->msg_qbytes > (unsigned long)atomic_load(&c->ns->msg.mnb) &&
        !cred_root_capable(c->cred, CAP_SYS_RESOURCE))
        return -EPERM;
    err = ipc_object_set_locked(&q->object, c, &from->msg_perm);
    if (err)
        return err;
    q->most = from->msg_qbytes;
    q->ctime = ipc_time(arena_of(q));
    /* receivers may have lost their right, senders found room */
    msg_answer_all_locked(q, -EAGAIN);
    waitq_wake(&q->senders, 0);
    return 0;
}

int msg_set(const struct ipc_caller *c, int id, const struct msqid64_ds *from)
{
    struct msg_queue *q;
    int err = msg_find(c, id, &q);

    if (err)
        return err;
    mutex_lock(&q->object.lock);
    err = set_locked(q, c, from);
    mutex_unlock(&q->object.lock);
    msg_queue_put(q);
    return err;
}
