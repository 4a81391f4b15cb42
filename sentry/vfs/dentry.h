/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: the cache between walks and file systems. A dentry without an inode
 * remembers that there is nothing of that name.
 */
#pragma once

#include "sentry/vfs/inode.h"

struct dentry;

struct dentry *dentry_get(struct dentry *d);
/* May free inodes, and so ask a gofer: never under a lock. */
void dentry_put(struct dentry *d);
DEFINE_SCOPED(dentry)

/* The root of a file system: takes the inode's reference. Errors: ENOMEM. */
must_use int dentry_create_root(struct inode *inode, struct dentry **out);

/* What it leads to: borrowed; NULL for a negative one. Changes once at most, from NULL, when it is
 * created. */
struct inode *dentry_inode(const struct dentry *d);
/* The parent, given; the root of a file system gives itself. */
struct dentry *dentry_parent(struct dentry *d);
/* Copies the name. */
size_t dentry_name(struct dentry *d, char *buf, size_t size);
bool dentry_is_deleted(const struct dentry *d);
/* Is `d` the same as `top`, or below it in the same file system? Takes sb->tree. */
bool dentry_is_under(struct dentry *d, struct dentry *top);

/*
 * The child of that name, from the cache or the file system. Negative ones come out
 * as dentries without an inode, not as ENOENT.
 *
 *   dir       positive
 *   errors    ENOTDIR, ENAMETOOLONG, ENOMEM; ENOENT where `dir` itself is deleted
 */
must_use int dentry_lookup(struct dentry *dir, const char *name, const struct actor *who,
                           struct dentry **out);
/*
 * Tells the file system that the components of `path` will be looked up from `dir` on, one
 * after the other, where the first is not cached: a file system that lies over another does
 * so when it hears it itself.
 *
 *   blocks    for a gofer request
 */
void dentry_look_ahead(struct dentry *dir, const char *path, const struct actor *who);
/* Forgets cached children that nobody uses (of a directory that changed behind us). */
void dentry_drop_children(struct dentry *dir);
/*
 * The name is gone, and not by a call of a guest (cgroups, devpts): later looks ask the
 * file system again, and what still uses it is shown as deleted.
 */
void dentry_invalidate(struct dentry *dir, const char *name);
