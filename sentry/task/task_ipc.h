/* SPDX-License-Identifier: Apache-2.0 */
/* A task among those whom it shares keys with: its ipc namespace, and what it owes there. */
#pragma once

#include "sentry/ipc/ipc_ns.h"
#include "sentry/task/task.h"

/* As the objects of its namespace see it: borrowed, on its own thread. */
void task_ipc_caller(struct task *t, struct ipc_caller *out);

/*
 * The namespace of a task that is being made, and whose debts to semaphores it shares.
 *
 *   flags     CLONE_NEWIPC, CLONE_SYSVSEM
 *   errors    EINVAL for both; ENOMEM
 */
must_use int task_ipc_clone(struct task *t, struct task *child, uint64_t flags);
/* SEM_UNDO: its list, made if there is none. Errors: ENOMEM. */
must_use int task_sem_undo(struct task *t, struct sem_undo_list **out);
/* It pays what it owes, unless others go on owing it: exit_sem(). */
void task_sem_exit(struct task *t);
/* The same, and it is no segment's creator any more: before it changes its namespace. */
void task_ipc_leave(struct task *t);
/* The same at its end: it has no namespace afterwards. */
void task_drop_ipc(struct task *t);
