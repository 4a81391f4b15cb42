/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to what it names, and the operations on names.
 *
 *   source    path_resolution(7), openat2(2), symlink(7)
 */
#pragma once

#include "sentry/vfs/file.h"

/* What a process has of the tree; shared under CLONE_FS. */
struct fs_context;
struct mnt_ns;

enum walk_flags {
    WALK_FOLLOW = 1,    /* a symbolic link at the end is followed */
    WALK_EMPTY = 2,     /* AT_EMPTY_PATH */
    WALK_DIRECTORY = 4, /* the end must be a directory */
    WALK_NO_AUTOMOUNT = 8,
    /* openat2(2): */
    WALK_NO_XDEV = 16,
    WALK_NO_MAGICLINKS = 32,
    WALK_NO_SYMLINKS = 64,
    WALK_BENEATH = 128,
    WALK_IN_ROOT = 256,
    WALK_CACHED = 512,
};

/*
 * Finds what `name` names.
 *
 *   base      where a relative path starts: a directory's path, or NULL for the cwd
 *   name      at most PATH_MAX-1 bytes
 *   out       given: path_put()
 *   errors    ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, EXDEV, EIO, ENOMEM
 *   blocks    for gofer requests
 */
must_use int walk(const struct actor *who, const struct path *base, const char *name,
                  unsigned flags, struct path *out);

/* The directory that the last component stands in, and that component. */
struct last {
    struct path dir; /* given */
    char name[256];  /* "." and ".." and "" where the path ends so */
    bool slash;      /* a '/' followed it */
};
must_use int walk_parent(const struct actor *who, const struct path *base, const char *name,
                         unsigned flags, struct last *out);

void path_get(const struct path *p, struct path *out);
void path_put(struct path *p); /* and makes it empty */
/* Is there a directory (or file) under this path, i.e. not both NULL? */
static inline bool path_is_set(const struct path *p)
{
    return p->dentry != NULL;
}

/* open(2) as a whole: O_CREAT, O_EXCL, O_TRUNC, O_TMPFILE, O_PATH, O_NOFOLLOW, O_DIRECTORY … */
struct open_how_k {
    int flags;
    uint32_t mode; /* umask not yet applied */
    unsigned walk; /* WALK_* from openat2's resolve */
};
must_use int vfs_open(const struct actor *who, const struct path *base, const char *name,
                      const struct open_how_k *how, struct file **out);
/* Opens what is already found (execve, /proc/PID/fd). */
must_use int vfs_open_path(const struct actor *who, const struct path *at, int flags,
                           struct file **out);

must_use int vfs_mkdir(const struct actor *who, const struct path *base, const char *name,
                       uint32_t mode);
must_use int vfs_mknod(const struct actor *who, const struct path *base, const char *name,
                       uint32_t mode, uint64_t rdev);
/* As vfs_mknod, and tells which inode it made: bind(2) of AF_UNIX. `out` is given. */
must_use int vfs_mknod_path(const struct actor *who, const struct path *base, const char *name,
                            uint32_t mode, uint64_t rdev, struct path *out);
must_use int vfs_symlink(const struct actor *who, const char *target, const struct path *base,
                         const char *name);
must_use int vfs_link(const struct actor *who, const struct path *old, const struct path *base,
                      const char *name);
must_use int vfs_unlink(const struct actor *who, const struct path *base, const char *name);
must_use int vfs_rmdir(const struct actor *who, const struct path *base, const char *name);
must_use int vfs_rename(const struct actor *who, const struct path *old_base, const char *old_name,
                        const struct path *new_base, const char *new_name, unsigned flags);
/* chmod, chown, truncate, utimes: checks permission and the mount, clears set-id bits, then
 * setattr. */
must_use int vfs_setattr(const struct actor *who, const struct path *at,
                         struct attr_change *change);
/* The same for an open file, which may have no path. */
must_use int vfs_setattr_file(const struct actor *who, struct file *f, struct attr_change *change);
/* truncate(2): with all its checks. */
must_use int vfs_truncate(const struct actor *who, const struct path *at, uint64_t size);
must_use int vfs_truncate_file(const struct actor *who, struct file *f, uint64_t size);
/* Sets the size of an inode that may be written. Errors: EFBIG by RLIMIT_FSIZE, and of setattr. */
must_use int vfs_resize(const struct actor *who, struct inode *i, uint64_t size);
/* `i` is about to be written: takes the set-id bits off it where the writer is not trusted with
 * them. */
must_use int vfs_written(const struct actor *who, struct inode *i);
/* readlink(2): the text, cut to `size`. Errors: EINVAL where it is no link. */
must_use ssize_t vfs_readlink(const struct actor *who, const struct path *at, char *buf,
                              size_t size);
must_use int vfs_access(const struct actor *who, const struct path *at, unsigned may);

/*
 * The path as the actor sees it from its root: "/a/b", "(unreachable)/a", with " (deleted)".
 *
 *   returns   its length, or -ENAMETOOLONG
 */
must_use ssize_t path_print(const struct actor *who, const struct path *p, char *buf, size_t size);

must_use int fs_context_create(struct arena *a, const struct path *root, struct mnt_ns *ns,
                               struct fs_context **out);
must_use int fs_context_copy(struct fs_context *fs, struct fs_context **out);
struct fs_context *fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
void fs_context_root(struct fs_context *fs, struct path *out); /* given */
void fs_context_cwd(struct fs_context *fs, struct path *out);  /* given */
/*
 * Both, to be compared with others only: nothing keeps them.
 *
 *   returns   whether the root is in a file system that keeps its names
 */
bool fs_context_peek(struct fs_context *fs, struct path *root, struct path *cwd);
void fs_context_set_root(struct fs_context *fs, const struct path *p);
void fs_context_set_cwd(struct fs_context *fs, const struct path *p);
/* Whoever stands at `from` stands at `to` afterwards: pivot_root(2). */
void fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to);
uint32_t fs_context_umask(const struct fs_context *fs);
uint32_t fs_context_set_umask(struct fs_context *fs, uint32_t mask); /* the old one */
/* The mount namespace: borrowed while the context lives and setns(2) does not change it. */
struct mnt_ns *fs_context_mnt_ns(struct fs_context *fs);
void fs_context_set_mnt_ns(struct fs_context *fs, struct mnt_ns *ns);
bool fs_context_is_shared(const struct fs_context *fs);
