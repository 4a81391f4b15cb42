/* SPDX-License-Identifier: Apache-2.0 */
/* Families of prctl(2) options that have files of their own. */
#pragma once

#include "sentry/task/task.h"

/* Capabilities and securebits. -ENOSYS for an option that is none of these. */
long prctl_cap(struct task *t, int option, uint64_t arg2, uint64_t arg3, uint64_t arg4,
               uint64_t arg5);
/* PR_SET_MM. */
long prctl_set_mm(struct task *t, uint64_t what, uint64_t arg3, uint64_t arg4, uint64_t arg5);
