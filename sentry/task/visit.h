/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks by what getpriority(2) and ioprio_get(2) mean: one, a process group, or a user. */
#pragma once

#include "sentry/task/task.h"

enum visit_kind { VISIT_TASK, VISIT_PGRP, VISIT_USER }; /* as PRIO_PROCESS and so on */

/*
 * Calls `see` for each. RANK_TASKS is held meanwhile: it may take RANK_TASK and look no further.
 *
 *   who       a number as `t` sees it; 0: its own
 */
int tasks_visit(struct task *t, enum visit_kind kind, uint32_t who,
                void (*see)(struct task *found, void *arg), void *arg);

/* Sets the niceness, -20 … 19. Errors: EPERM, EACCES where it gets better without the right. */
must_use int task_set_nice(struct task *t, struct task *other, int nice);
