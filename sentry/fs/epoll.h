/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll(7): interest in many files, and which of them are ready.
 *
 * An item holds no reference to its file: the last close takes it away.
 */
#pragma once

#include <sys/epoll.h>

#include "sentry/vfs/file.h"

/* Makes an instance. Errors: ENOMEM. `out` is given. */
must_use int epoll_file_create(struct arena *a, const struct cred *cred, struct file **out);
bool file_is_epoll(const struct file *f);

/*
 * epoll_ctl(2) on an epoll file and a target, both borrowed.
 *
 *   fd        the number of `target` in the caller's table: part of what names the item
 *   event     as the guest gave it; not looked at for EPOLL_CTL_DEL
 *   errors    EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, EPERM
 */
must_use int epoll_change(struct file *f, int op, int fd, struct file *target,
                          const struct epoll_event *event);

/*
 * Writes up to `max` ready items to `io` as struct epoll_event.
 *
 *   returns   how many; -EAGAIN where none is ready
 *   errors    EFAULT, where not even the first could be written; what could not be
 *             stays ready
 *   locks     takes RANK_EPOLL, and each file's own under it
 */
must_use long epoll_collect(struct file *f, struct io *io, int max);
