/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount tree, and mount namespaces.
 *
 *   source    mount(2), mount_namespaces(7), proc(5) for mountinfo
 */
#pragma once

#include <sys/mount.h>

#include "sentry/vfs/walk.h"

struct mount;
struct user_ns;

struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);
DEFINE_SCOPED(mount)

/*
 * Makes a mount namespace whose root is the file system `root` belongs to.
 *
 *   root      a file system's root dentry: taken
 *   source    as shown in /proc/mounts: copied
 *   flags     MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, …
 */
must_use int mnt_ns_create(struct arena *a, struct user_ns *owner, struct dentry *root,
                           const char *source, unsigned long flags, struct mnt_ns **out);
struct mnt_ns *mnt_ns_get(struct mnt_ns *ns);
void mnt_ns_put(struct mnt_ns *ns);
/* unshare(CLONE_NEWNS): a copy; `fs` is moved to the same places in it. */
must_use int mnt_ns_copy(struct mnt_ns *ns, struct user_ns *owner, struct fs_context *fs,
                         struct mnt_ns **out);
void mnt_ns_root(struct mnt_ns *ns, struct path *out); /* given */
uint64_t mnt_ns_ino(const struct mnt_ns *ns);
struct user_ns *mnt_ns_owner(const struct mnt_ns *ns); /* borrowed */

/* Mounts a file system's root dentry (taken) at `at`. Errors: ENOMEM, ENOSPC past the limit of
 * mounts. */
must_use int mount_attach(struct dentry *root, const char *source, unsigned long flags,
                          const struct path *at);

/*
 * A mount in no tree, for a file system that lies over another.
 *
 *   root      taken
 *   out       its root, given
 */
must_use int mount_create_private(struct dentry *root, unsigned long flags, struct path *out);

/* How mount(2) makes a file system by type; the table is in fs/ (fstypes.c), handed to vfs at
 * start. */
struct fs_type {
    const char *name;
    bool nodev;
    bool user_ns_ok; /* FS_USERNS_MOUNT: mountable in a user namespace */
    int (*create)(struct arena *a, const char *source, const char *options, const struct actor *who,
                  struct dentry **out);
};
void vfs_set_fs_types(struct arena *a, const struct fs_type *types, size_t n);
const struct fs_type *vfs_fs_types(struct arena *a, size_t *n);

/* mount(2), umount2(2), pivot_root(2), as the guest asked; capability checks included. */
must_use int vfs_mount(const struct actor *who, const char *source, const struct path *at,
                       const char *type, unsigned long flags, const char *options);
/* May `who` change the tree of mounts at all? */
bool mount_may(const struct actor *who);
must_use int vfs_umount(const struct actor *who, const struct path *at, int flags);
must_use int vfs_pivot_root(const struct actor *who, const struct path *new_root,
                            const struct path *put_old);

unsigned long mount_flags(const struct mount *m);
struct superblock *mount_sb(const struct mount *m); /* borrowed */
uint64_t mount_id(const struct mount *m);
bool mount_is_root(const struct mount *m, const struct dentry *d);
/* The mounted file system of that device number, given: ustat(2). Errors: EINVAL. */
must_use int mount_find_dev(struct mnt_ns *ns, uint64_t dev, struct superblock **out);
/* Errors: EROFS where mount or file system are read-only. */
must_use int mount_want_write(const struct mount *m);

/* One line of each of /proc/PID/{mounts,mountinfo,mountstats}. */
struct mount_info {
    uint64_t id, parent_id, dev;
    const char *source, *type, *origin; /* the last: of its file system, "" for none */
    char options[256], sb_options[256];
    struct path root; /* borrowed: within its file system */
    struct path
        point; /* borrowed: the mount's root, which path_print() shows where it is mounted */
    char propagation[64];
};
int mnt_ns_visit(struct mnt_ns *ns, const struct actor *who,
                 int (*see)(const struct mount_info *m, void *arg), void *arg);
