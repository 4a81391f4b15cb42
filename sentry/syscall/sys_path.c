/* SPDX-License-Identifier: Apache-2.0 */
/* Names that come, go and move: mkdir, mknod, symlink, link, unlink, rename. */
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "sentry/syscall/at.h"
#include "sentry/syscall/syscalls.h"

long sys_mkdirat(struct task *t, int dirfd, uptr_t path, unsigned mode)
{
    struct at at;
    int err = at_get(t, dirfd, path, 0, &at);

    if (!err)
        err = vfs_mkdir(&at.who, at.base, at.name, mode);
    at_put(&at);
    return err;
}

long sys_mkdir(struct task *t, uptr_t path, unsigned mode)
{
    return sys_mkdirat(t, AT_FDCWD, path, mode);
}

/* The 32 bits of a device number as mknod(2) takes them: minors in two pieces. */
static uint64_t rdev_in(uint64_t dev)
{
    uint32_t d = (uint32_t)dev;

    return makedev((d & 0xfff00) >> 8, (d & 0xff) | ((d >> 12) & 0xfff00));
}

long sys_mknodat(struct task *t, int dirfd, uptr_t path, unsigned mode, uint64_t dev)
{
    struct at at;
    int err = at_get(t, dirfd, path, 0, &at);

    if (!err)
        err = vfs_mknod(&at.who, at.base, at.name, mode & 0177777, rdev_in(dev));
    at_put(&at);
    return err;
}

long sys_mknod(struct task *t, uptr_t path, unsigned mode, uint64_t dev)
{
    return sys_mknodat(t, AT_FDCWD, path, mode, dev);
}

long sys_symlinkat(struct task *t, uptr_t target, int dirfd, uptr_t path)
{
    char text[PATH_MAX];
    struct at at;
    int err = task_path(t, target, text);

    if (err)
        return err;
    if (!*text)
        return -ENOENT;
    err = at_get(t, dirfd, path, 0, &at);
    if (!err)
        err = vfs_symlink(&at.who, text, at.base, at.name);
    at_put(&at);
    return err;
}

long sys_symlink(struct task *t, uptr_t target, uptr_t path)
{
    return sys_symlinkat(t, target, AT_FDCWD, path);
}

long sys_linkat(struct task *t, int olddirfd, uptr_t oldpath, int newdirfd, uptr_t newpath,
                int flags)
{
    unsigned walk_flags = 0;
    struct at from, to;
    struct path old = { 0 };

    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_SYMLINK_FOLLOW)
        walk_flags |= WALK_FOLLOW;
    if (flags & AT_EMPTY_PATH)
        walk_flags |= WALK_EMPTY;
    int err = at_walk(t, olddirfd, oldpath, walk_flags, &from, &old);
    /* As Linux: a name for a bare descriptor needs the right to go anywhere, or one's own file. */
    if (!err && at_is_fd(&from) && from.file->cred != t->cred &&
        !cred_ns_capable(t->cred, from.file->cred->user_ns, 2 /* CAP_DAC_READ_SEARCH */))
        err = -ENOENT;
    if (!err) {
        err = at_get(t, newdirfd, newpath, 0, &to);
        if (!err)
            err = vfs_link(&to.who, &old, to.base, to.name);
        at_put(&to);
    }
    path_put(&old);
    at_put(&from);
    return err;
}

long sys_link(struct task *t, uptr_t oldpath, uptr_t newpath)
{
    return sys_linkat(t, AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

long sys_unlinkat(struct task *t, int dirfd, uptr_t path, int flags)
{
    struct at at;

    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    int err = at_get(t, dirfd, path, 0, &at);
    if (!err)
        err = flags & AT_REMOVEDIR ? vfs_rmdir(&at.who, at.base, at.name)
                                   : vfs_unlink(&at.who, at.base, at.name);
    at_put(&at);
    return err;
}

long sys_unlink(struct task *t, uptr_t path)
{
    return sys_unlinkat(t, AT_FDCWD, path, 0);
}

long sys_rmdir(struct task *t, uptr_t path)
{
    return sys_unlinkat(t, AT_FDCWD, path, AT_REMOVEDIR);
}

long sys_renameat2(struct task *t, int olddirfd, uptr_t oldpath, int newdirfd, uptr_t newpath,
                   unsigned flags)
{
    struct at from, to = { 0 };
    int err = at_get(t, olddirfd, oldpath, 0, &from);

    if (!err)
        err = at_get(t, newdirfd, newpath, 0, &to);
    if (!err)
        err = vfs_rename(&from.who, from.base, from.name, to.base, to.name, flags);
    at_put(&to);
    at_put(&from);
    return err;
}

long sys_renameat(struct task *t, int olddirfd, uptr_t oldpath, int newdirfd, uptr_t newpath)
{
    return sys_renameat2(t, olddirfd, oldpath, newdirfd, newpath, 0);
}

long sys_rename(struct task *t, uptr_t oldpath, uptr_t newpath)
{
    return sys_renameat2(t, AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}
