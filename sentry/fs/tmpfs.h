/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory: tmpfs(5), and what memfds are made of. */
#pragma once

#include "sentry/vfs/file.h"

#define TMPFS_SEAL_EXEC 0x20u /* F_SEAL_EXEC, newer than our headers */

/*
 * Makes a tmpfs, as fs_type.create.
 *
 *   options   size=, nr_blocks=, nr_inodes=, mode=, uid=, gid=; NULL is none
 *   out       its root, given
 *   errors    EINVAL for an option or value it does not know; ENOMEM
 */
must_use int tmpfs_create(struct arena *a, const char *source, const char *options,
                          const struct actor *who, struct dentry **out);

/* The same under another name and magic: devtmpfs and the like. Both constants. */
must_use int tmpfs_create_as(struct arena *a, const char *type, uint32_t magic, const char *options,
                             const struct actor *who, struct dentry **out);

/*
 * A file without a name in the tmpfs that `root` is the root of: a memfd.
 *
 *   seals     F_SEAL_*: what it starts with
 *   errors    ENOMEM, ENOSPC
 */
must_use int tmpfs_create_unnamed(struct dentry *root, uint32_t mode, unsigned seals,
                                  const struct actor *who, struct inode **out);

/* fcntl(F_GET_SEALS): EINVAL where `f` is no file of a tmpfs. */
int tmpfs_get_seals(struct file *f);
/* fcntl(F_ADD_SEALS). Errors: EINVAL, EPERM, EBUSY (it is mapped for writing). */
must_use int tmpfs_add_seals(struct file *f, unsigned seals);
