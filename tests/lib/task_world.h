/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of tasks start from: all of a kernel but its file systems, over the fake
 * platform, and one process that has not started. A guest is a function in C.
 */
#pragma once

#include "sentry/task/group.h"
#include "sentry/task/pid.h"
#include "sentry/task/tasks.h"
#include "tests/lib/vfs_world.h"

#define WORLD_STACK      0x20000000ull /* a range of guest memory, readable and writable */
#define WORLD_STACK_SIZE (256 * KIB)

struct container;

struct task_world {
    struct vfs_world vfs;
    struct task *init; /* a reference; number 1 */
};

/* `guest` NULL: the platform does what is written down for it. */
void task_world_start(struct task_world *w, fake_guest_fn guest, void *arg);
/* A process from outside, not started, of a container (NULL: the first): task_create_init(). */
must_use int task_world_add(struct task_world *w, struct container *c, struct task **out);
/* Starts the first process's thread. */
void task_world_run(struct task_world *w);
/* Ends all tasks; asserts that they do end, and that nothing of them is left. */
void task_world_stop(struct task_world *w);

/* A call, as if the task's guest had made it. On any thread where the task does not run. */
long task_world_call(struct task *t, long nr, uint64_t a0, uint64_t a1, uint64_t a2);

/* /prog in the file system becomes a program that can be executed. */
void task_world_put_program(struct task_world *w);
