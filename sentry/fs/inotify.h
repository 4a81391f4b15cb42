/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7): who is told of what happens to files. */
#pragma once

#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs.h"

/* What vfs tells us, for vfs_set_hooks(). */
extern const struct vfs_hooks inotify_hooks;

/* flags: IN_NONBLOCK. Errors: ENOMEM. `out` is given. */
must_use int inotify_create(struct arena *a, const struct cred *cred, int flags, struct file **out);
bool file_is_inotify(const struct file *f);

/*
 * Watches what stands at `at`, or changes the watch that is there.
 *
 *   mask      IN_* of events, IN_MASK_ADD, IN_MASK_CREATE, IN_ONESHOT, IN_EXCL_UNLINK
 *   returns   the watch's number
 *   errors    EEXIST under IN_MASK_CREATE; ENOSPC past max_user_watches; ENOMEM
 */
must_use int inotify_add(struct file *f, const struct path *at, uint32_t mask);

/* Errors: EINVAL where there is no watch of that number. */
must_use int inotify_remove(struct file *f, int wd);
