/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/task/task_ipc.h"

#include <errno.h>
#include <sched.h>

#include "sentry/task/task_priv.h"

void task_ipc_caller(struct task *t, struct ipc_caller *out)
{
    *out = (struct ipc_caller){
        .ns = t->ipc,
        .cred = t->cred,
        .pid = t->group->pid,
        .task = t,
    };
}

int task_sem_undo(struct task *t, struct sem_undo_list **out)
{
    int err = t->undo ? 0 : sem_undo_create(t->arena, &t->undo);

    if (!err)
        *out = t->undo;
    return err;
}

int task_ipc_clone(struct task *t, struct task *child, uint64_t flags)
{
    struct sem_undo_list *undo;

    if (flags & CLONE_NEWIPC && flags & CLONE_SYSVSEM)
        return -EINVAL; /* debts are to the sets of one namespace */
    if (flags & CLONE_NEWIPC)
        return ipc_ns_create(t->arena, child->cred->user_ns, tasks_ns_ino(t->arena), &pid_ipc_hooks,
                             &child->ipc);
    child->ipc = ipc_ns_get(t->ipc);
    if (!(flags & CLONE_SYSVSEM))
        return 0;
    int err = task_sem_undo(t, &undo);
    if (!err)
        child->undo = sem_undo_get(undo);
    return err;
}

void task_sem_exit(struct task *t)
{
    sem_undo_put(keep(t->undo), t->ipc, t->group->pid);
}

void task_ipc_leave(struct task *t)
{
    task_sem_exit(t);
    shm_exit(t->ipc, t);
}

void task_drop_ipc(struct task *t)
{
    if (!t->ipc)
        return;
    task_ipc_leave(t);
    mutex_lock(&t->lock);
    struct ipc_ns *ipc = keep(t->ipc);
    mutex_unlock(&t->lock);
    ipc_ns_put(ipc);
}
