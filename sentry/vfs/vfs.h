/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vfs is told by those who lie above it, at start.
 *
 * vfs opens pipes and devices, and tells inotify what happens, without
 * knowing any of them: they hand it these constants.
 */
#pragma once

#include "sentry/vfs/file.h"

/* Makes vfs's own state at ROOT_VFS. Once, before any file system. Errors: ENOMEM. */
must_use int vfs_create(struct arena *a);
/* All namespaces, contexts and files have gone. */
void vfs_destroy(struct arena *a);

/* Opens of what is no regular file or directory. As inode_ops.open; NULL: ENXIO. */
struct special_opens {
    int (*chr)(struct inode *inode, const struct path *at, int flags, const struct actor *who,
               struct file **out);
    int (*blk)(struct inode *inode, const struct path *at, int flags, const struct actor *who,
               struct file **out);
    /* See file_ops.await_open for how an open of a FIFO waits. */
    int (*fifo)(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                struct file **out);
};
/* `s` is a constant. */
void vfs_set_special_opens(struct arena *a, const struct special_opens *s);

/* Who wants to know. All may be NULL. */
struct vfs_hooks {
    /*
     * Something happened to what stands at `at`, or to the name in its parent.
     *
     *   mask      IN_* of inotify(7); IN_ISDIR is added by the callee
     *   cookie    ties IN_MOVED_FROM to IN_MOVED_TO; else 0
     *   locks     none held
     */
    void (*event)(struct dentry *at, uint32_t mask, uint32_t cookie);
    /* The same for a name that may be gone: `dir`'s watchers hear of `name`. */
    void (*name_event)(struct inode *dir, const char *name, bool is_dir, uint32_t mask,
                       uint32_t cookie);
    /* An inode with watches is freed. */
    void (*inode_gone)(struct inode *i);
};
/* `h` is a constant. */
void vfs_set_hooks(struct arena *a, const struct vfs_hooks *h);

/* inotify counts its watches here: while there are none, events cost one load. */
void vfs_watches_changed(struct arena *a, int by);

/* Tells the hooks, if anybody watches anything. */
void vfs_event(struct dentry *at, uint32_t mask);
void vfs_name_event(struct inode *dir, const char *name, bool is_dir, uint32_t mask,
                    uint32_t cookie);
uint32_t vfs_event_cookie(struct arena *a);

/*
 * The root of a file system that is mounted nowhere, for inodes that get no name: made
 * by `create` when it is first asked for.
 *
 *   out       given
 */
must_use int vfs_internal_root(const struct actor *who, const char *source,
                               int (*create)(struct arena *a, const char *source,
                                             const char *options, const struct actor *who,
                                             struct dentry **out),
                               struct path *out);
/* A place for `inode` under such a root that shows as "/name (deleted)". `out` is given. */
must_use int vfs_name_unlinked(const struct path *root, struct inode *inode, const char *name,
                               struct path *out);
