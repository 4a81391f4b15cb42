/* SPDX-License-Identifier: Apache-2.0 */
/* Message queues of System V: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#include "sentry/syscall/block.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/pid.h"
#include "sentry/task/task_ipc.h"

long sys_msgget(struct task *t, int key, int flags)
{
    struct ipc_caller c;

    task_ipc_caller(t, &c);
    return msg_open_key(&c, key, flags);
}

/* do_msgsnd(): a signal makes it again only where it had no handler. */
static long restart(long r)
{
    return r == -ERESTARTSYS ? -ERESTARTNOHAND : r;
}

/* ---- msgsnd ---- */

static long send(struct task *t, int id, int flags, struct msg **m)
{
    struct msg_queue *q;
    struct ipc_caller c;

    task_ipc_caller(t, &c);
    int err = msg_find(&c, id, &q);
    if (err)
        return err;
    long r = msg_send(q, &c, m);
    if (r == -EAGAIN && !(flags & IPC_NOWAIT))
        r = BLOCK_ON(t, msg_senders(q), NSEC_NEVER, msg_send(q, &c, m));
    msg_queue_put(q);
    return restart(r);
}

long sys_msgsnd(struct task *t, int id, uptr_t msgp, size_t size, int flags)
{
    struct msg *m;
    int64_t type;
    int err = copy_in_struct(t->mm, &type, msgp);

    if (err)
        return err;
    if (size > (size_t)atomic_load(&t->ipc->msg.max) || (ssize_t)size < 0 || id < 0 || type < 1)
        return -EINVAL;
    err = msg_create(t->arena, type, size, &m);
    if (err)
        return err;
    long r = copy_in(t->mm, m->text, uptr_at(msgp, sizeof type), size);
    if (!r)
        r = send(t, id, flags, &m);
    msg_destroy(m);
    return r;
}

/* ---- msgrcv ---- */

/* convert_mode() */
static void decode(size_t size, int64_t type, int flags, struct msg_want *out)
{
    *out = (struct msg_want){ .type = type, .room = size, .cut = flags & MSG_NOERROR };
    if (flags & MSG_COPY) {
        out->search = MSG_NUMBER;
    } else if (type == 0) {
        out->search = MSG_ANY;
    } else if (type < 0) {
        out->search = MSG_LESS_EQUAL;
        out->type = type == INT64_MIN ? INT64_MAX : -type;
    } else {
        out->search = flags & MSG_EXCEPT ? MSG_NOT_EQUAL : MSG_EQUAL;
    }
}

static long wait_for(struct task *t, struct msg_wait *w, struct msg **out)
{
    long r = BLOCK_ON(t, &w->waitq, NSEC_NEVER, msg_receive_is_answered(w) ? 0 : -EAGAIN);
    int err = msg_receive_end(w, out);

    return err == -EINTR ? restart(r) : err;
}

static long receive(struct task *t, struct msg_queue *q, const struct msg_want *want, int flags,
                    struct msg **out)
{
    struct ipc_caller c;
    struct msg_wait w;
    long r;

    task_ipc_caller(t, &c);
    if (flags & MSG_COPY)
        return msg_peek(q, &c, want, out);
    do {
        r = msg_receive_begin(q, &c, want, flags & IPC_NOWAIT ? NULL : &w, out);
        if (r == 1)
            r = wait_for(t, &w, out);
    } while (r == -EAGAIN);
    return r;
}

static long deliver(struct task *t, const struct msg *m, uptr_t msgp, size_t size)
{
    size = min(size, m->size);
    if (copy_out_struct(t->mm, msgp, &m->type) ||
        copy_out(t->mm, uptr_at(msgp, sizeof m->type), m->text, size))
        return -EFAULT;
    return (long)size;
}

long sys_msgrcv(struct task *t, int id, uptr_t msgp, size_t size, long type, int flags)
{
    struct ipc_caller c;
    struct msg_want want;
    struct msg_queue *q;
    struct msg *m;

    if (id < 0 || (ssize_t)size < 0)
        return -EINVAL;
    if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT)))
        return -EINVAL;
    decode(size, type, flags, &want);
    task_ipc_caller(t, &c);
    int err = msg_find(&c, id, &q);
    if (err)
        return err;
    long r = receive(t, q, &want, flags, &m);
    msg_queue_put(q);
    if (r)
        return r;
    r = deliver(t, m, msgp, size);
    msg_destroy(m);
    return r;
}

/* ---- msgctl ---- */

static long get_stat(struct task *t, const struct ipc_caller *c, int id, int cmd, uptr_t buf)
{
    struct msg_stat s;
    int err = msg_stat_get(c, id, cmd, &s);

    if (err)
        return err;
    s.ds.msg_lspid = pid_nr(s.lspid, pid_ns_of(t->pid));
    s.ds.msg_lrpid = pid_nr(s.lrpid, pid_ns_of(t->pid));
    msg_stat_put(c->ns, &s);
    err = copy_out_struct(t->mm, buf, &s.ds);
    return err ? err : cmd == IPC_STAT ? 0 : s.id;
}

static long get_info(struct task *t, int cmd, uptr_t buf)
{
    struct msginfo info;
    int highest = msg_info(t->ipc, cmd == MSG_INFO, &info);
    int err = copy_out_struct(t->mm, buf, &info);

    return err ? err : highest;
}

static long set(struct task *t, const struct ipc_caller *c, int id, uptr_t buf)
{
    struct msqid64_ds ds;
    int err = copy_in_struct(t->mm, &ds, buf);

    return err ? err : msg_set(c, id, &ds);
}

long sys_msgctl(struct task *t, int id, int cmd, uptr_t buf)
{
    struct ipc_caller c;

    if (id < 0)
        return -EINVAL;
    task_ipc_caller(t, &c);
    switch (cmd) {
    case IPC_INFO:
    case MSG_INFO:
        return get_info(t, cmd, buf);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return get_stat(t, &c, id, cmd, buf);
    case IPC_SET:
        return set(t, &c, id, buf);
    case IPC_RMID:
        return msg_remove(&c, id);
    default:
        return -EINVAL;
    }
}
