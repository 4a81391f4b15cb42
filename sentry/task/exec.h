/* SPDX-License-Identifier: Apache-2.0 */
/* A new program in an old process: execve(2). */
#pragma once

#include "sentry/load/load.h"
#include "sentry/task/task.h"

/*
 * Replaces the calling process's program. On success it is the only thread left, has its
 * process's number, and its registers are the new program's.
 *
 *   ask       borrowed; `who` and `personality` are filled in here
 *   errors    those of load_find() and load_image(); EAGAIN where another thread is at it;
 *             EINTR where the caller dies meanwhile
 *   blocks    for gofer requests; until the other threads have ended
 */
must_use int task_exec(struct task *t, struct load_request *ask);

/*
 * The same for a process that has not begun: what task_create_init() made without an mm.
 * The strings are the sentry's own.
 */
must_use int task_exec_first(struct task *t, struct load_request *ask);
