/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes: which file an open of one leads to. */
#pragma once

#include "sentry/vfs/file.h"
#include "sentry/vfs/vfs.h"

/* Opens of FIFOs and devices, for vfs_set_special_opens(). */
extern const struct special_opens fs_special_opens;

/* A character device by number: what special_opens.chr does. Errors: ENXIO for an unknown one. */
must_use int device_open(struct inode *inode, const struct path *at, int flags,
                         const struct actor *who, struct file **out);

/* The memory devices, major 1. Errors: ENXIO, ENOMEM. */
must_use int mem_open(struct inode *inode, const struct path *at, int flags,
                      const struct actor *who, struct file **out);

/* Random bytes for whoever asks, as getrandom(2) and /dev/urandom give them. */
must_use ssize_t random_read(struct arena *a, struct io *io);
