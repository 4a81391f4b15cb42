/* SPDX-License-Identifier: Apache-2.0 */
/* What timers.c needs of posix_timer.c. */
#pragma once

#include "sentry/task/timers_priv.h"

/* A signal of one of them was taken: fills in si_overrun. `gt` may be NULL. */
void posix_timer_taken(struct group_timers *gt, struct abi_siginfo *si);
/* Frees all of them. */
void posix_timers_drop(struct group_timers *gt);
