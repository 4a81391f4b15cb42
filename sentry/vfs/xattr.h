/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes, with the rules of their name spaces: xattr(7). */
#pragma once

#include "sentry/vfs/file.h"

#define XATTR_NAME_SIZE 256 /* with its NUL */

/*
 * What getxattr, setxattr, listxattr and removexattr(2) do to `i`, as found through
 * `mnt` (NULL: a file without a path). Names are not empty; values at most 64 KiB.
 *
 *   errors    EOPNOTSUPP for a name space that does not exist; EPERM; EACCES; EROFS;
 *             ENODATA; ERANGE; EEXIST; ENOMEM; the file system's
 */
must_use ssize_t vfs_getxattr(const struct actor *who, struct inode *i, const char *name, void *buf,
                              size_t size);
must_use int vfs_setxattr(const struct actor *who, const struct mount *mnt, struct inode *i,
                          const char *name, const void *value, size_t size, int flags);
must_use ssize_t vfs_listxattr(const struct actor *who, struct inode *i, char *buf, size_t size);
must_use int vfs_removexattr(const struct actor *who, const struct mount *mnt, struct inode *i,
                             const char *name);
