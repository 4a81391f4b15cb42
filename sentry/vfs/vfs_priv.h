/* SPDX-License-Identifier: Apache-2.0 */
/* The state of vfs that belongs to no file system. */
#pragma once

#include "base/hash.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/vfs.h"

#define VFS_MOUNT_BUCKETS 64
#define DCACHE_MAX        131072 /* names kept though nobody uses them, sandbox-wide */
#define DCACHE_SHARE      8192   /* bytes of RAM for each: a small sandbox keeps fewer */

/* [I] never changes   [a] atomic   [M] mounts lock   [D] dcache lock   [W] waits lock */
struct vfs {
    struct arena *arena;                 /* [I] */
    const struct special_opens *special; /* [a] set at start */
    const struct vfs_hooks *hooks;       /* [a] set at start */
    const struct fs_type *types;         /* [a] set at start */
    size_t ntypes;
    uint64_t name_seed; /* [I] of hashes of names */
    _Atomic uint32_t next_dev;
    _Atomic uint32_t next_ino; /* of anonymous inodes */
    _Atomic uint32_t next_cookie;
    _Atomic uint32_t watches;
    _Atomic uint32_t prefix_gen; /* counts what may change where prefixes lead to: prefix.h */
    struct prefix *prefixes;     /* [I] each has a lock of its own */
    _Atomic uint32_t moves;      /* counts renames and mounts: RESOLVE_BENEATH looks */
    struct mount *anon_mount;    /* [M] a reference; made when first needed */
    struct superblock *anon;     /* [I] a reference */
    struct mount *internal;      /* [M] a reference; NULL before it is needed */

    struct mutex dcache_lock; /* RANK_DCACHE */
    struct list lru;          /* [D] dentry.lru, the longest unused first */
    uint32_t ncached;         /* [D] how many are on it */

    struct mutex mounts_lock; /* RANK_MOUNTS */
    struct htab mounts;       /* [M] by (parent, mountpoint) */
    struct hnode *mount_buckets[VFS_MOUNT_BUCKETS];
    uint64_t next_mount_id; /* [M] */
    uint32_t nmounts;       /* [M] */
    uint64_t next_group;    /* [M] peer groups */

    struct mutex waits_lock; /* RANK_FILELOCK: never with an inode's */
    struct list waits;       /* [W] struct record_wait */
};

static inline struct vfs *vfs_of(struct arena *a)
{
    return arena_root(a, ROOT_VFS);
}

/* Makes the file system of anonymous inodes: anon.c. */
must_use int anon_create(struct vfs *v);
