/* SPDX-License-Identifier: Apache-2.0 */
/* Files that name a process: pidfd_open(2). */
#pragma once

#include "sentry/task/pid.h"
#include "sentry/vfs/file.h"

/* O_NONBLOCK is all that flags may hold. Errors: ENOMEM. */
must_use int pidfd_create(struct task *t, struct pid *pid, int flags, struct file **out);
/* The same, close-on-exec, at the lowest free descriptor, which it returns. Errors: EMFILE, ENOMEM.
 */
must_use int pidfd_install(struct task *t, struct pid *pid, int flags);
/* The descriptor was not meant to be. */
void pidfd_uninstall(struct task *t, int fd);
/* What it names: borrowed from the file; NULL where `f` is no pidfd. */
struct pid *pidfd_pid(const struct file *f);
/* Its process, given; NULL where that one is gone. */
must_use struct thread_group *pidfd_group(struct arena *a, struct pid *pid);
