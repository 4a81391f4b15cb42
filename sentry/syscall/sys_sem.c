/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores of System V: semget(2), semop(2), semctl(2). */
#include "sentry/syscall/block.h"
#include "sentry/syscall/deadline.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/pid.h"
#include "sentry/task/task_ipc.h"

#define OPS_FAST 64 /* SEMOPM_FAST: so many lie on the stack */

long sys_semget(struct task *t, int key, int count, int flags)
{
    struct ipc_caller c;

    task_ipc_caller(t, &c);
    return sem_open_key(&c, key, count, flags);
}

/* ---- semop ---- */

static long wait_for(struct task *t, struct sem_wait *w, const struct deadline *d)
{
    bool done;
    long r = BLOCK_ON(t, &w->waitq, d->at, sem_op_is_answered(w) ? 0 : -EAGAIN);
    int answer = sem_op_end(w, &done);

    if (done)
        return answer;
    return r == -ETIMEDOUT ? -EAGAIN : -EINTR; /* never restarted: signal(7) */
}

/* NULL: for ever. Errors: EINVAL. */
static int wait_until(struct task *t, const struct timespec *timeout, struct deadline *out)
{
    nsec_t span;

    *out = deadline_none();
    if (!timeout)
        return 0;
    int err = nsec_from_timespec(timeout, &span);
    if (!err)
        *out = deadline_after(t, span);
    return err;
}

static long operate(struct task *t, int id, const struct sembuf *ops, unsigned count,
                    const struct timespec *timeout)
{
    struct sem_undo_list *undo = NULL;
    struct ipc_caller c;
    struct sem_wait w;
    struct deadline d;
    int err = id < 0 ? -EINVAL : wait_until(t, timeout, &d);

    if (!err && sem_request_undoes(ops, count))
        err = task_sem_undo(t, &undo);
    if (err)
        return err;
    task_ipc_caller(t, &c);
    err = sem_op_begin(&c, undo, id, ops, count, &w);
    return err > 0 ? wait_for(t, &w, &d) : err;
}

/* do_semtimedop(), in its order. */
static long copy_and_operate(struct task *t, int id, uptr_t from, unsigned count,
                             const struct timespec *timeout)
{
    struct sembuf fast[OPS_FAST];

    if (count > (unsigned)atomic_load(&t->ipc->sem.opm))
        return -E2BIG;
    if (count < 1)
        return -EINVAL;
    struct sembuf *ops =
        count <= OPS_FAST ? fast : arena_alloc(t->arena, count * sizeof(struct sembuf));
    if (!ops)
        return -ENOMEM;
    long r = copy_in(t->mm, ops, from, count * sizeof *ops);
    if (!r)
        r = operate(t, id, ops, count, timeout);
    if (ops != fast)
        arena_free(ops);
    return r;
}

long sys_semtimedop(struct task *t, int id, uptr_t ops, unsigned count, uptr_t timeout)
{
    bool has_timeout = !uptr_is_null(timeout);
    struct timespec ts;
    int err = has_timeout ? copy_in_struct(t->mm, &ts, timeout) : 0;

    return err ? err : copy_and_operate(t, id, ops, count, has_timeout ? &ts : NULL);
}

long sys_semop(struct task *t, int id, uptr_t ops, unsigned count)
{
    return copy_and_operate(t, id, ops, count, NULL);
}

/* ---- semctl ---- */

static long get_one(struct task *t, const struct ipc_caller *c, int id, int nr, int cmd)
{
    struct sem_one one;
    int err = sem_get_one(c, id, nr, &one);

    if (err)
        return err;
    int pid = pid_nr(one.pid, pid_ns_of(t->pid));
    pid_put(one.pid);
    switch (cmd) {
    case GETPID:
        return pid;
    case GETNCNT:
        return one.nwait;
    case GETZCNT:
        return one.zwait;
    default:
        return one.value;
    }
}

static long move_all(struct task *t, const struct ipc_caller *c, int id, int cmd, unsigned count,
                     uint16_t *values, uptr_t array)
{
    size_t size = count * sizeof *values;

    if (cmd == GETALL) {
        int err = sem_get_all(c, id, values, count);
        return err ? err : copy_out(t->mm, array, values, size);
    }
    int err = copy_in(t->mm, values, array, size);
    return err ? err : sem_set_all(c, id, values, count);
}

static long get_or_set_all(struct task *t, const struct ipc_caller *c, int id, int cmd,
                           uptr_t array)
{
    unsigned count;
    int err = sem_count(c, id, cmd == GETALL ? 0444 : 0222, &count);

    if (err)
        return err;
    uint16_t *values = arena_alloc(t->arena, count * sizeof(uint16_t));
    if (!values)
        return -ENOMEM;
    long r = move_all(t, c, id, cmd, count, values, array);
    arena_free(values);
    return r;
}

static long get_stat(struct task *t, const struct ipc_caller *c, int id, int cmd, uptr_t buf)
{
    struct semid64_ds ds;
    int found;
    int err = sem_stat_get(c, id, cmd, &ds, &found);

    if (!err)
        err = copy_out_struct(t->mm, buf, &ds);
    return err ? err : cmd == IPC_STAT ? 0 : found;
}

static long get_info(struct task *t, int cmd, uptr_t buf)
{
    struct seminfo info;
    int highest = sem_info(t->ipc, cmd == SEM_INFO, &info);
    int err = copy_out_struct(t->mm, buf, &info);

    return err ? err : highest;
}

static long set(struct task *t, const struct ipc_caller *c, int id, uptr_t buf)
{
    struct semid64_ds ds;
    int err = copy_in_struct(t->mm, &ds, buf);

    return err ? err : sem_set_perm(c, id, &ds);
}

long sys_semctl(struct task *t, int id, int nr, int cmd, uint64_t arg)
{
    struct ipc_caller c;

    if (id < 0)
        return -EINVAL;
    task_ipc_caller(t, &c);
    switch (cmd) {
    case IPC_INFO:
    case SEM_INFO:
        return get_info(t, cmd, uptr(arg));
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return get_stat(t, &c, id, cmd, uptr(arg));
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return get_one(t, &c, id, nr, cmd);
    case GETALL:
    case SETALL:
        return get_or_set_all(t, &c, id, cmd, uptr(arg));
    case SETVAL:
        return sem_set_value(&c, id, nr, (int)arg);
    case IPC_SET:
        return set(t, &c, id, uptr(arg));
    case IPC_RMID:
        return sem_remove(&c, id);
    default:
        return -EINVAL;
    }
}
