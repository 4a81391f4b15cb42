/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chmod, chown, utimes, truncate: who may, and what else changes with it.
 *
 *   source    fs/attr.c, Linux 6.12: setattr_prepare(), notify_change(); inode(7)
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/inotify.h>
#include <sys/resource.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs.h"
#include "sentry/vfs/vfs_priv.h"
#include "sentry/vfs/walk.h"

#define TIMES_BOTH (ATTR_ATIME | ATTR_MTIME)

static int check_owner(const struct inode *i, const struct attr_change *c, const struct cred *cred)
{
    bool mine = cred->fsuid == inode_uid(i);

    if (c->which & ATTR_UID && !(mine && c->uid == inode_uid(i)) &&
        !inode_capable(i, cred, CAP_CHOWN))
        return -EPERM;
    if (c->which & ATTR_GID && !(mine && (c->gid == inode_gid(i) || cred_in_group(cred, c->gid))) &&
        !inode_capable(i, cred, CAP_CHOWN))
        return -EPERM;
    return 0;
}

/* Both times to now: a writer may; else the owner alone. */
static int check_times(struct inode *i, const struct attr_change *c, const struct actor *who)
{
    bool now = (c->which & ATTR_ATIME_NOW || !(c->which & ATTR_ATIME)) &&
               (c->which & ATTR_MTIME_NOW || !(c->which & ATTR_MTIME));

    if (!(c->which & TIMES_BOTH) || c->which & ATTR_SIZE)
        return 0;
    if (inode_owner_or_capable(i, who->cred))
        return 0;
    if (!now || (c->which & TIMES_BOTH) != TIMES_BOTH)
        return -EPERM;
    return inode_permission(i, MAY_WRITE, who);
}

/* A set-group-id bit that the caller could not have set goes. */
static void fix_mode(const struct inode *i, struct attr_change *c, const struct cred *cred)
{
    uint32_t gid = c->which & ATTR_GID ? c->gid : inode_gid(i);

    if (c->which & ATTR_MODE && !cred_in_group(cred, gid) && !inode_capable(i, cred, CAP_FSETID))
        c->mode &= ~(uint32_t)S_ISGID;
}

/*
 * What a write or a change of owner takes away from a regular file.
 *
 *   returns   the mode without it
 */
static uint32_t mode_without_setid(uint32_t mode)
{
    uint32_t kill = 0;

    if (!S_ISREG(mode))
        return mode;
    if (mode & S_ISUID)
        kill |= S_ISUID;
    if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        kill |= S_ISGID; /* without S_IXGRP it means mandatory locking: kept */
    return mode & ~kill;
}

static void kill_setid(const struct inode *i, struct attr_change *c)
{
    uint32_t mode =
        c->which & ATTR_MODE ? (inode_mode(i) & S_IFMT) | (c->mode & 07777) : inode_mode(i);
    uint32_t without = mode_without_setid(mode);

    if (without == mode)
        return;
    c->which |= ATTR_MODE;
    c->mode = without;
}

static int do_setattr(const struct actor *who, struct inode *i, const struct attr_change *c)
{
    if (!i->ops->setattr)
        return -EPERM;
    int err = i->ops->setattr(i, c, who);
    /* A link's access time may be due again when somebody next goes through it. */
    if ((inode_is(i, S_IFDIR) && c->which & (ATTR_MODE | ATTR_UID | ATTR_GID)) ||
        inode_is(i, S_IFLNK))
        prefix_changed(vfs_of(who->arena));
    return err;
}

static int setattr_checked(const struct actor *who, struct inode *i, struct attr_change *c)
{
    if (c->which & ATTR_MODE && inode_is(i, S_IFLNK))
        return -EOPNOTSUPP; /* whichever way it was come to: nobody looks at a link's mode */
    if (c->which & ATTR_MODE && !inode_owner_or_capable(i, who->cred))
        return -EPERM;
    int err = check_owner(i, c, who->cred);
    if (!err)
        err = check_times(i, c, who);
    if (err)
        return err;
    fix_mode(i, c, who->cred);
    if (c->which & (ATTR_UID | ATTR_GID))
        kill_setid(i, c);
    return do_setattr(who, i, c);
}

int vfs_setattr(const struct actor *who, const struct path *at, struct attr_change *c)
{
    int err = mount_want_write(at->mnt);

    if (!err)
        err = setattr_checked(who, dentry_inode(at->dentry), c);
    if (!err)
        vfs_event(at->dentry, IN_ATTRIB);
    return err;
}

int vfs_setattr_file(const struct actor *who, struct file *f, struct attr_change *c)
{
    if (path_is_set(&f->path))
        return vfs_setattr(who, &f->path, c);
    return setattr_checked(who, f->inode, c);
}

int vfs_written(const struct actor *who, struct inode *i)
{
    struct attr_change c = { 0 };

    if (likely(!(inode_mode(i) & (S_ISUID | S_ISGID))) || inode_capable(i, who->cred, CAP_FSETID))
        return 0;
    kill_setid(i, &c);
    return c.which ? do_setattr(who, i, &c) : 0;
}

int vfs_resize(const struct actor *who, struct inode *i, uint64_t size)
{
    struct attr_change c = { .which = ATTR_SIZE | ATTR_MTIME | ATTR_MTIME_NOW, .size = size };
    struct attr now;

    if (who->limits && limit_soft(who->limits, RLIMIT_FSIZE) < size) {
        /* Only what makes a file longer is limited. */
        int err = inode_getattr(i, &now);
        if (err)
            return err;
        if (size > now.size)
            return -EFBIG;
    }
    if (inode_mode(i) & (S_ISUID | S_ISGID) && !inode_capable(i, who->cred, CAP_FSETID))
        kill_setid(i, &c);
    return do_setattr(who, i, &c);
}

int vfs_truncate(const struct actor *who, const struct path *at, uint64_t size)
{
    struct inode *i = dentry_inode(at->dentry);

    if (inode_is(i, S_IFDIR))
        return -EISDIR;
    if (!inode_is(i, S_IFREG))
        return -EINVAL;
    int err = mount_want_write(at->mnt);
    if (!err)
        err = inode_permission(i, MAY_WRITE, who);
    if (!err)
        err = inode_get_write(i);
    if (err)
        return err;
    err = vfs_resize(who, i, size);
    inode_put_write(i);
    if (!err)
        vfs_event(at->dentry, IN_MODIFY);
    return err;
}

int vfs_truncate_file(const struct actor *who, struct file *f, uint64_t size)
{
    if (!f->inode || !inode_is(f->inode, S_IFREG) || !(f->kind & FILE_WRITE))
        return -EINVAL;
    int err = vfs_resize(who, f->inode, size);
    if (!err && f->path.dentry)
        vfs_event(f->path.dentry, IN_MODIFY);
    return err;
}

int vfs_access(const struct actor *who, const struct path *at, unsigned may)
{
    struct inode *i = dentry_inode(at->dentry);

    if (may & MAY_EXEC && inode_is(i, S_IFREG) && mount_flags(at->mnt) & MS_NOEXEC)
        return -EACCES;
    int err = inode_permission(i, may, who);
    if (err || !(may & MAY_WRITE))
        return err;
    switch (inode_mode(i) & S_IFMT) {
    case S_IFCHR: /* devices, pipes and sockets are written to on read-only mounts too */
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    }
    return mount_want_write(at->mnt);
}
