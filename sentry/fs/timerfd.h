/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sentry/vfs/file.h"

/*
 * Makes a timerfd.
 *
 *   clock     CLOCK_REALTIME, _MONOTONIC, _BOOTTIME, or an _ALARM one, which is the same
 *             without waking a machine from its sleep
 *   flags     TFD_NONBLOCK; others are ignored
 *   errors    EINVAL for another clock; ENOMEM
 *   source    timerfd_create(2)
 */
must_use int timerfd_file_create(struct arena *a, const struct cred *cred, int clock, int flags,
                                 struct file **out);
bool file_is_timerfd(const struct file *f);

/*
 * Arms or, with a zero it_value, disarms.
 *
 *   flags     TFD_TIMER_ABSTIME; TFD_TIMER_CANCEL_ON_SET is taken, and nothing ever sets the clock
 *   old       what timerfd_get() would have given before; may be NULL
 *   errors    EINVAL
 */
must_use int timerfd_set(struct file *f, int flags, const struct itimerspec *value,
                         struct itimerspec *old);
/* The time that is left, and the interval. */
void timerfd_get(struct file *f, struct itimerspec *out);
