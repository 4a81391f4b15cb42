/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signalfd(2): signals read from a file.
 *
 * A read takes what is pending for the reader, and poll looks for that.
 */
#pragma once

#include "sentry/task/signal.h"
#include "sentry/vfs/file.h"

/* `flags`: O_NONBLOCK or 0. Errors: ENOMEM. */
must_use int signalfd_create(struct task *t, sigset64 set, int flags, struct file **out);
/* Another set for a file that is one. False where `f` is not. */
must_use bool signalfd_set(struct task *t, struct file *f, sigset64 set);
