/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory of System V: shmget(2), shmat(2), shmdt(2), shmctl(2). */
#include "sentry/syscall/syscalls.h"
#include "sentry/task/pid.h"
#include "sentry/task/task_ipc.h"

long sys_shmget(struct task *t, int key, size_t size, int flags)
{
    struct ipc_caller c;

    task_ipc_caller(t, &c);
    return shm_open_key(&c, key, size, flags);
}

long sys_shmat(struct task *t, int id, uptr_t addr, int flags)
{
    struct ipc_caller c;
    uptr_t at;

    task_ipc_caller(t, &c);
    int err = shm_attach(&c, t->mm, id, addr, flags, &at);
    return err ? err : (long)at.va;
}

long sys_shmdt(struct task *t, uptr_t addr)
{
    struct ipc_caller c;

    task_ipc_caller(t, &c);
    return shm_detach(&c, t->mm, addr);
}

/* ---- shmctl ---- */

static long get_stat(struct task *t, const struct ipc_caller *c, int id, int cmd, uptr_t buf)
{
    struct shm_stat s;
    int err = shm_stat_get(c, id, cmd, &s);

    if (err)
        return err;
    s.ds.shm_cpid = pid_nr(s.cpid, pid_ns_of(t->pid));
    s.ds.shm_lpid = pid_nr(s.lpid, pid_ns_of(t->pid));
    shm_stat_put(c->ns, &s);
    err = copy_out_struct(t->mm, buf, &s.ds);
    return err ? err : cmd == IPC_STAT ? 0 : s.id;
}

static long get_limits(struct task *t, uptr_t buf)
{
    struct shminfo64 info;
    int highest = shm_limits_info(t->ipc, &info);
    int err = copy_out_struct(t->mm, buf, &info);

    return err ? err : highest;
}

static long get_usage(struct task *t, uptr_t buf)
{
    struct shm_info info;
    int highest = shm_usage_info(t->ipc, &info);
    int err = copy_out_struct(t->mm, buf, &info);

    return err ? err : highest;
}

static long set(struct task *t, const struct ipc_caller *c, int id, uptr_t buf)
{
    struct shmid64_ds ds;
    int err = copy_in_struct(t->mm, &ds, buf);

    return err ? err : shm_set(c, id, &ds);
}

long sys_shmctl(struct task *t, int id, int cmd, uptr_t buf)
{
    struct ipc_caller c;

    if (id < 0)
        return -EINVAL;
    task_ipc_caller(t, &c);
    switch (cmd) {
    case IPC_INFO:
        return get_limits(t, buf);
    case SHM_INFO:
        return get_usage(t, buf);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return get_stat(t, &c, id, cmd, buf);
    case IPC_SET:
        return set(t, &c, id, buf);
    case IPC_RMID:
        return shm_remove(&c, id);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock(&c, id, cmd == SHM_LOCK, task_limit(t, RLIMIT_MEMLOCK));
    default:
        return -EINVAL;
    }
}
