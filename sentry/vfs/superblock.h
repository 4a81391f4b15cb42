/* SPDX-License-Identifier: Apache-2.0 */
/* File systems that are there to be mounted: what all inodes of one have in common. */
#pragma once

#include <sys/statfs.h>

#include "base/lock.h"
#include "base/ref.h"
#include "sentry/core/arena.h"

struct actor;
struct superblock;

struct superblock_ops {
    /* statfs(2): blocks, files, name length. f_type and f_fsid are filled in after it. NULL:
     * zeroes. */
    int (*statfs)(struct superblock *sb, struct statfs *out);
    /* syncfs(2). NULL: nothing to do. */
    int (*sync)(struct superblock *sb);
    /* Options after the generic ones, as /proc/mounts shows them (",size=4k"). NULL: none. */
    void (*show_options)(struct superblock *sb, char *buf, size_t size);
    /* Remount with new options by `who`. NULL: EINVAL unless they are empty. */
    int (*reconfigure)(struct superblock *sb, const char *options, const struct actor *who);
    /* Lets go of inodes that it keeps only to be faster: the last mount is gone. NULL: none. */
    void (*drop_caches)(struct superblock *sb);
    /* Its last mount is gone, though files of it may still be open: lets go of what it kept for
     * lookups. NULL: nothing. */
    void (*unmounted)(struct superblock *sb);
    /* Frees what embeds `sb`: its last inode and mount are gone. */
    void (*release)(struct superblock *sb);
};

enum {
    SB_CACHE = 1,         /* names found stay true: nobody but the sentry changes them */
    SB_REVALIDATE = 2,    /* ask inode_ops.revalidate before trusting a cached name */
    SB_NOCACHE = 4,       /* names are computed at each look (procfs) */
    SB_OPENS_SPECIAL = 8, /* its inode_ops.open takes devices, FIFOs and sockets too */
    SB_RDONLY = 16,       /* nothing in it may change: EROFS */
    SB_NOATIME = 32,      /* keeps access times by itself, or not at all */
};

/* As Linux's FILESYSTEM_MAX_STACK_DEPTH: each level is one more call deep, on one stack. */
#define SB_DEPTH_MAX 2

/* [I] never changes   [a] atomic */
struct superblock {
    struct ref ref;                     /* one for each mount and inode */
    struct arena *arena;                /* [I] */
    const struct superblock_ops *ops;   /* [I] register in the slab_type */
    const char *type;                   /* [I] "tmpfs": a constant; register it */
    char *origin;                       /* [I] arena; NULL: none. superblock_set_origin(); */
    char *origin_type, *origin_options; /* [I] the same */
    uint64_t dev;                       /* [I] makedev(0, n) */
    uint32_t magic;                     /* [I] statfs.f_type */
    uint32_t depth;             /* [I] how many file systems it lies over, one over the other */
    _Atomic uint32_t flags;     /* SB_* */
    _Atomic uint32_t mounts;    /* mounts of it: with the last, its cached names go */
    _Atomic uint32_t writers;   /* files of it that are open for writing */
    _Atomic uint32_t dir_moves; /* a claim: one move of a directory to another at a time */
    struct mutex tree;          /* RANK_RENAME: parents and names of all its dentries */
};

/* Fills the common part, with a device number of its own. The reference is the caller's. */
void superblock_init(struct superblock *sb, struct arena *a, const struct superblock_ops *ops,
                     const char *type, uint32_t magic, uint32_t flags);
/* What a file system is where it comes from: the host, of a directory of which it is the view. */
struct superblock_origin {
    const char *type, *options; /* "ext4", ",discard" */
    const char *root; /* where in its file system the directory lies; "": not to be told */
};

/*
 * /proc/PID/mountinfo shows it in place of what it is here.
 *
 *   o         copied; before anybody else knows the file system
 *   errors    ENOMEM
 */
must_use int superblock_set_origin(struct superblock *sb, const struct superblock_origin *o);
struct superblock *superblock_get(struct superblock *sb);
void superblock_put(struct superblock *sb);

must_use int superblock_statfs(struct superblock *sb, struct statfs *out);
int superblock_sync(struct superblock *sb);

static inline uint32_t superblock_flags(const struct superblock *sb)
{
    return atomic_load_explicit(&((struct superblock *)sb)->flags, memory_order_relaxed);
}
