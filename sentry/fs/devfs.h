/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sentry/vfs/inode.h"

struct dentry;

/*
 * Makes a file system for /dev: a tmpfs that holds the usual nodes and links, and the
 * directories pts, shm and mqueue to mount on.
 *
 *   who       whose files they are: the sandbox's root
 *   out       its root, given
 *   errors    ENOMEM
 *   source    OCI runtime spec, config-linux.md, "Default Devices"
 */
must_use int devfs_create(struct arena *a, const char *source, const char *options,
                          const struct actor *who, struct dentry **out);
