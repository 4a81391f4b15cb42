/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a file tells of its changes by a signal: O_ASYNC, F_SETOWN and F_SETSIG of fcntl(2).
 *
 *   source    fcntl(2), "Managing signals"; fs/fcntl.c, Linux 6.12
 */
#pragma once

#include "sentry/task/task.h"
#include "sentry/vfs/file.h"

struct f_owner_ex;

/*
 * F_SETOWN_EX: from now on, and with the ids that the caller has now.
 *
 *   owner     in the caller's numbers; pid 0: nobody
 *   errors    EINVAL, ESRCH, ENOMEM
 */
must_use int sigio_set_owner(struct task *t, struct file *f, const struct f_owner_ex *owner);
/* F_SETOWN: a process; a process group where it is negative. Errors: the same. */
must_use int sigio_set_owner_number(struct task *t, struct file *f, int pid);
/* F_GETOWN_EX: in the caller's numbers; pid 0 where nobody is, or is any more. */
void sigio_get_owner(struct task *t, struct file *f, struct f_owner_ex *out);
/* F_GETOWN. */
int sigio_get_owner_number(struct task *t, struct file *f);

/* F_SETSIG: 0 is SIGIO that says nothing. Errors: EINVAL, ENOMEM. */
must_use int sigio_set_signal(struct file *f, uint64_t sig);
int sigio_get_signal(struct file *f);

/*
 * Sets O_ASYNC, or clears it, of a file that has FILE_ASYNC.
 *
 *   fd        what the signal will call the file
 *   errors    ENOMEM
 */
must_use int sigio_set_async(struct task *t, struct file *f, int fd, bool on);

/* A write has found no room: with O_ASYNC, a signal comes when there is some. */
void sigio_wants_room(struct file *f);
