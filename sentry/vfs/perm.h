/* SPDX-License-Identifier: Apache-2.0 */
/* Permission to change directories; single inodes are asked by inode_permission(). */
#pragma once

#include "sentry/vfs/inode.h"

/* May `who` put a new name into `dir`? Errors: EROFS, EACCES. */
must_use int perm_may_create(struct inode *dir, const struct actor *who);
/* May `who` take `victim` out of `dir`? Errors: EROFS, EACCES; EPERM (sticky); ENOTDIR, EISDIR by
 * `want_dir`. */
must_use int perm_may_delete(struct inode *dir, struct inode *victim, bool want_dir,
                             const struct actor *who);
/*
 * Whose a new inode in `dir` will be: set-group-id directories pass their group on,
 * and themselves to directories.
 *
 *   mode      in and out, with its type
 */
void perm_new_inode(const struct inode *dir, uint32_t *mode, const struct actor *who, uint32_t *uid,
                    uint32_t *gid);
