/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that are on their way: declared here until their own headers are there. */
#pragma once

#include "sentry/vfs/dentry.h"
#include "sentry/vfs/file.h"

struct console;

must_use int overlay_create(struct arena *a, struct dentry *lower, struct dentry *upper,
                            const struct actor *who, struct dentry **out);
must_use int console_create(struct arena *a, int fd, unsigned rows, unsigned cols,
                            struct console **out);
must_use int console_open(struct console *c, const struct actor *who, struct file **out);
void console_resize(struct console *c, unsigned rows, unsigned cols);
void console_set_session(struct console *c, struct task *t);
must_use int devfs_create(struct arena *a, const char *source, const char *options,
                          const struct actor *who, struct dentry **out);
must_use int devpts_create(struct arena *a, const char *source, const char *options,
                           const struct actor *who, struct dentry **out);
must_use int sysfs_create(struct arena *a, const char *source, const char *options,
                          const struct actor *who, struct dentry **out);
must_use int proc_create(struct arena *a, const char *source, const char *options,
                         const struct actor *who, struct dentry **out);
