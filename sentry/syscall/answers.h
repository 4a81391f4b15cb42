/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that concern nobody but the caller: what a platform may answer without us. */
#pragma once

#include "include/platform.h"

struct task;

/*
 * What these calls of a task give now: its numbers, its parent's, its ids. Whoever changes
 * one of them sets TASK_ANSWERS.
 *
 *   returns   how many there are; none where calls are watched, or none may be answered
 */
size_t syscall_answers(struct task *t, struct guest_answer out[GUEST_ANSWERS_MAX]);
