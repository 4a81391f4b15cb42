/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes and the file systems they belong to: what a name leads to.
 *
 * A file system embeds struct inode in its own and gives it operations. Those may
 * block for a gofer request, and are therefore called without any lock; each takes
 * what it needs. Generic code (walk.c, perm.c) has done Linux's checks before: types,
 * permissions, name lengths, read-only mounts, sticky directories.
 *
 *   source    Documentation/filesystems/vfs.rst for what the words mean
 */
#pragma once

#include <dirent.h>

#include "base/list.h"
#include "sentry/mm/mappable.h"
#include "sentry/vfs/actor.h"
#include "sentry/vfs/attr.h"
#include "sentry/vfs/superblock.h"

struct dentry;
struct file;
struct file_locks;
struct inode;
struct mount;
struct path;
struct superblock;
struct watches;

/* Called for each entry of a directory; false: the buffer is full, stop before this one. */
struct dir_sink {
    bool (*add)(struct dir_sink *s, const char *name, size_t len, uint64_t ino, unsigned dtype,
                uint64_t next);
};

/*
 * All of a directory's operations take a name of 1 to 255 bytes, not "." or "..",
 * NUL-terminated. `who` says on whose behalf. Inodes come out with a reference: given.
 * NULL members answer as the comment says.
 */
struct inode_ops {
    /* ENOENT where there is none. NULL: ENOTDIR. */
    int (*lookup)(struct inode *dir, const char *name, const struct actor *who, struct inode **out);
    /*
     * A walk is about to look up the components of `path`, one after the other, from `dir`
     * on, and the first is not in the cache, or not to be trusted (SB_REVALIDATE). Nothing has
     * to be done. NULL: nothing is.
     */
    void (*look_ahead)(struct inode *dir, const char *path, const struct actor *who);
    /*
     * Does `name` in `dir` still lead to `inode` (NULL: still to nothing)? 1 yes, 0 no.
     * Asked of SB_REVALIDATE file systems only.
     */
    int (*revalidate)(struct inode *dir, const char *name, struct inode *inode);
    /* NULL for the following: EPERM, as on a file system that cannot. `mode` has the umask applied.
     */
    int (*create)(struct inode *dir, const char *name, uint32_t mode, const struct actor *who,
                  struct inode **out); /* a regular file, O_EXCL */
    int (*mkdir)(struct inode *dir, const char *name, uint32_t mode, const struct actor *who,
                 struct inode **out);
    int (*mknod)(struct inode *dir, const char *name, uint32_t mode, uint64_t rdev,
                 const struct actor *who, struct inode **out);
    int (*symlink)(struct inode *dir, const char *name, const char *target, const struct actor *who,
                   struct inode **out);
    int (*link)(struct inode *dir, const char *name, struct inode *inode, const struct actor *who);
    int (*unlink)(struct inode *dir, const char *name, struct inode *victim);
    int (*rmdir)(struct inode *dir, const char *name, struct inode *victim);
    /* `victim` NULL where the new name is free. `flags`: RENAME_NOREPLACE, RENAME_EXCHANGE,
     * RENAME_WHITEOUT. */
    int (*rename)(struct inode *from, const char *old_name, struct inode *inode, struct inode *to,
                  const char *new_name, struct inode *victim, unsigned flags);
    int (*tmpfile)(struct inode *dir, uint32_t mode, const struct actor *who, struct inode **out);

    /* A symbolic link's text: its length, cut to `size`. NULL: EINVAL. */
    ssize_t (*readlink)(struct inode *inode, const struct actor *who, char *buf, size_t size);
    /* A magic link (/proc/PID/fd/3): leads straight there. NULL: readlink decides. `out` is given.
     */
    int (*follow)(struct inode *inode, const struct actor *who, struct path *out);

    /* stat(2). NULL: inode_getattr_generic(). */
    int (*getattr)(struct inode *inode, struct attr *out);
    /* chmod, chown, truncate, utimes; permission was checked. NULL: EPERM. */
    int (*setattr)(struct inode *inode, const struct attr_change *change, const struct actor *who);
    /* Where the mode bits are not the whole truth (procfs). MAY_*. NULL: perm_generic(). */
    int (*permission)(struct inode *inode, unsigned may, const struct actor *who);
    /*
     * An open file. O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC have been dealt with.
     * NULL: ENXIO. `at` is where it was found: the file keeps its own reference.
     */
    int (*open)(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                struct file **out);

    /* Extended attributes: sizes as in getxattr(2): size 0 asks for the length. NULL: EOPNOTSUPP.
     */
    ssize_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size);
    int (*setxattr)(struct inode *inode, const char *name, const void *buf, size_t size, int flags);
    ssize_t (*listxattr)(struct inode *inode, char *buf, size_t size);
    int (*removexattr)(struct inode *inode, const char *name);

    /* Frees what embeds the inode; nobody has it any more. */
    void (*release)(struct inode *inode);
};

enum inode_state {
    INODE_LINKABLE = 1, /* made by O_TMPFILE: may get its first name */
};

enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 }; /* as in access(2) */

/* [I] never changes   [l] under lock   [a] atomic */

struct inode {
    struct ref ref;
    const struct inode_ops *ops; /* [I] register in the slab_type */
    struct superblock *sb;       /* [I] a reference */
    struct mutex lock;           /* RANK_INODE */
    struct attr attr; /* [l] for file systems in memory, the truth; elsewhere what was last seen.
                         The type bits of mode, ino and rdev are [I] */
    _Atomic uint32_t state;             /* INODE_* */
    _Atomic int32_t writers;            /* open for writing; below zero: being executed (ETXTBSY) */
    _Atomic(struct file_locks *) locks; /* made when first needed: filelock.h */
    _Atomic(struct watches *) watches;  /* inotify's; NULL where nobody watches */
    void *bound; /* [l] a FIFO's pipe, an AF_UNIX socket: of whoever put it there */
};

/* Fills the common part. The reference is the caller's; takes one of `sb`. */
void inode_init(struct inode *i, struct superblock *sb, const struct inode_ops *ops, uint64_t ino,
                uint32_t mode, uint32_t uid, uint32_t gid);
struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i);
DEFINE_SCOPED(inode)
/* What every release() does with the common part before it frees. */
void inode_destroy(struct inode *i);

/* The time as file systems stamp it. */
struct timespec inode_now(const struct inode *i);

/* Reads attr under the lock. */
int inode_getattr_generic(struct inode *i, struct attr *out);
/* getattr through the operations; dev and ino filled in. */
must_use int inode_getattr(struct inode *i, struct attr *out);
/* Changes attr under the lock as a file system in memory does: everything but ATTR_SIZE. */
void inode_setattr_generic(struct inode *i, const struct attr_change *c);
/* The same for who has more to look at under the lock; `now` is inode_now() of before. */
void inode_setattr_locked(struct inode *i, const struct attr_change *c, struct timespec now)
    HOLDS(i->lock);
/* Times become now: ATTR_MTIME takes ctime along; 0 is ctime alone. */
void inode_touch(struct inode *i, unsigned which /* ATTR_ATIME | ATTR_MTIME */);
/* MAY_* by mode, uid, gid, groups and capabilities. Errors: EACCES. */
must_use int inode_permission(struct inode *i, unsigned may, const struct actor *who);
must_use int perm_generic(struct inode *i, unsigned may, const struct actor *who);

/* A read of `i` through `m` (may be NULL): the access time, where mount and relatime want it. */
void inode_accessed(struct inode *i, const struct mount *m);

/*
 * Who may write and who may execute a regular file exclude each other.
 *
 *   errors    ETXTBSY
 */
must_use int inode_get_write(struct inode *i);
void inode_put_write(struct inode *i);
must_use int inode_deny_write(struct inode *i);
void inode_allow_write(struct inode *i);

/* The owner of `i`, or somebody with `cap` over files of its owner and group? */
bool inode_owner_or_capable(const struct inode *i, const struct cred *c);
bool inode_capable(const struct inode *i, const struct cred *c, int cap);

/* Mode, uid and gid without the lock: each is whole, together they may be from two moments. */
static inline uint32_t inode_mode(const struct inode *i)
{
    return __atomic_load_n(&i->attr.mode, __ATOMIC_RELAXED);
}

static inline uint32_t inode_uid(const struct inode *i)
{
    return __atomic_load_n(&i->attr.uid, __ATOMIC_RELAXED);
}

static inline uint32_t inode_gid(const struct inode *i)
{
    return __atomic_load_n(&i->attr.gid, __ATOMIC_RELAXED);
}

static inline bool inode_is(const struct inode *i, uint32_t type)
{
    return (inode_mode(i) & S_IFMT) == type;
}
