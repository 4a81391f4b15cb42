/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a mount.
 *
 * The tree has one reference to each mount in it; open files, working directories
 * and walks have the others. Whoever leaves the tree has no parent any more.
 */
#pragma once

#include "base/hash.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"

struct vfs;

/* What an MS_REC walk or a namespace may hold at most: /proc/sys/fs/mount-max. */
#define MOUNTS_MAX      100000
#define MOUNT_DEPTH_MAX 64 /* mounts on mounts, that a copy of a tree follows */
/* Flags of a mount, not of its file system. */
#define MOUNT_FLAGS                                                                              \
    ((unsigned long)(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | \
                     MS_RELATIME | MS_STRICTATIME))

/* [I] never changes   [a] atomic   [M] mounts lock */
struct mount {
    struct ref ref;
    uint64_t id;                 /* [I] */
    struct superblock *sb;       /* [I] a reference */
    struct dentry *root;         /* [I] a reference */
    char *source;                /* [I] arena */
    _Atomic unsigned long flags; /* MOUNT_FLAGS */
    struct mnt_ns *ns;           /* [M] weak; NULL where it is in no tree */
    struct mount *parent;   /* [M] weak: it has the children; NULL for the root of a namespace */
    struct dentry *point;   /* [M] a reference: where it sits in the parent */
    struct hnode node;      /* [M] in vfs.mounts, where it has a parent */
    struct list children;   /* [M] mount.sibling */
    struct list sibling;    /* [M] */
    struct list ns_node;    /* [M] in mnt_ns.mounts, in the order of mounting */
    uint64_t group;         /* [M] peer group; 0: not shared */
    struct list peers;      /* [M] ring of its group */
    struct mount *master;   /* [M] weak: whose slave it is */
    struct list slaves;     /* [M] mount.slave_node */
    struct list slave_node; /* [M] */
    bool unbindable;        /* [M] */
    bool internal;          /* [I] of the sentry's own: in no tree */
    bool expiring;          /* [M] umount2(MNT_EXPIRE) has asked once */
    bool locked;            /* [M] came with a namespace of more rights: not to be taken apart */
};

struct mnt_ns {
    struct ref ref;
    struct arena *arena;   /* [I] */
    struct user_ns *owner; /* [I] a reference */
    uint64_t ino;          /* [I] for /proc/PID/ns/mnt */
    struct mount *root;    /* [M] */
    struct list mounts;    /* [M] mount.ns_node */
    uint32_t nmounts;      /* [M] */
};

/*
 * A mount that is in no tree.
 *
 *   root      taken, even on failure
 *   errors    ENOMEM
 */
must_use int mount_new(struct dentry *root, const char *source, unsigned long flags,
                       struct mount **out);

/* The topmost mount on (mnt, point), given; NULL where there is none. Locks: takes the mounts lock.
 */
must_use struct mount *mount_find(struct mount *mnt, struct dentry *point);
/* `p` becomes what is mounted on it, if anything is. */
void path_follow_mounts(struct path *p);
/* `p`, the root of its mount, becomes where that is mounted. Returns false at the root of the tree.
 */
bool path_follow_up(struct path *p);

/* Is it in a tree that a namespace shows? */
bool mount_is_attached(const struct mount *m);

/* Hangs `m` (its reference is the tree's now) on `point` of `parent`. Locks: the mounts lock is
 * held. */
void mount_link_locked(struct mount *m, struct mount *parent, struct dentry *point,
                       struct mnt_ns *ns);
/* The converse: the tree's reference and that of the point are given. */
void mount_unlink_locked(struct mount *m, struct dentry **point);
/* The same, and out of its peer group and its namespace. Nothing is mounted on it. */
void mount_take_off_locked(struct mount *m, struct dentry **point);
/* The topmost mount on (mnt, point), borrowed. */
struct mount *mount_find_locked(struct vfs *v, const struct mount *mnt, const struct dentry *point);
/* The next of the tree below `top` in preorder, NULL at its end. */
struct mount *mount_next_locked(struct mount *m, const struct mount *top);
/* Is anything of the namespace of `mnt` mounted on `d`? */
bool mount_is_point(const struct mount *mnt, struct dentry *d);
/* Takes `top` and all below it out of their tree. The tree's references go. Locks: takes the mounts
 * lock. */
void mount_take_down(struct mount *top);

/* ---- mount_tree.c: trees that are not hung up yet ---- */

/*
 * A copy of `m` with `root`, which lies in it, as its root. Joins the peer group, or
 * becomes a slave of it, where `m` has one.
 *
 *   errors    ENOMEM
 */
must_use int mount_clone(struct mount *m, struct dentry *root, bool as_slave, struct mount **out);
/* The same with all that is mounted below, but for what is unbindable. */
must_use int mount_clone_tree(struct mount *m, struct dentry *root, bool as_slave,
                              bool with_unbindable, struct mount **out);
/*
 * Hangs a tree made by the above, or a single mount, on `at`, and on whatever gets its
 * mounts from there. `top` is taken.
 *
 *   errors    ENOENT where the place is deleted; ENOTDIR; ENOSPC; ENOMEM; EBUSY
 */
must_use int mount_graft(struct mount *top, const struct path *at);

/* ---- propagate.c ---- */

/* Puts `m`, which is in no tree, into the peer group of `of`, made where there is none. */
void mount_join_group_locked(struct vfs *v, struct mount *m, struct mount *of);
/* Takes it out of its group, and its slaves to what it was a slave of. */
void mount_leave_group_locked(struct mount *m);
/* MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE. */
void mount_set_propagation_locked(struct vfs *v, struct mount *m, unsigned long type);
/* The next mount that gets what happens in `origin`, after `m`; NULL after the last. */
struct mount *mount_next_receiver_locked(struct mount *m, struct mount *origin);
