/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New names: mkdir, mknod, symlink, link.
 *
 *   source    the order of errors is that of fs/namei.c, Linux 6.12: filename_create(),
 *             vfs_mkdir(), vfs_mknod(), vfs_link()
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/name.h"
#include "sentry/vfs/perm.h"
#include "sentry/vfs/walk.h"

/* Where something new is to stand. */
struct place {
    struct last last;    /* last.dir is a reference */
    struct dentry *name; /* claimed; negative */
};

static void place_leave(struct place *p)
{
    if (p->name) {
        name_unclaim(p->name);
        dentry_put(p->name);
    }
    path_put(&p->last.dir);
}

static int check_place(const struct place *p, bool is_dir)
{
    if (dentry_inode(p->name))
        return -EEXIST;
    if (p->last.slash && !is_dir)
        return -ENOENT;
    return mount_want_write(p->last.dir.mnt);
}

static int may_create(const struct actor *who, const struct place *p)
{
    return perm_may_create(dentry_inode(p->last.dir.dentry), who);
}

/* Finds and claims the place; place_leave() follows where it succeeds. */
static int place_find(const struct actor *who, const struct path *base, const char *name,
                      bool is_dir, struct place *p)
{
    *p = (struct place){ 0 };
    int err = walk_parent(who, base, name, 0, &p->last);
    if (err)
        return err;
    const char *n = p->last.name;
    if (!*n || strcmp(n, ".") == 0 || strcmp(n, "..") == 0)
        err = -EEXIST;
    else
        err = name_claim(p->last.dir.dentry, n, who, &p->name);
    if (!err)
        err = check_place(p, is_dir);
    if (err)
        place_leave(p);
    return err;
}

static int make_at(const struct actor *who, const struct path *base, const char *name,
                   const struct name_new *what, struct path *out)
{
    struct place p;
    int err = place_find(who, base, name, S_ISDIR(what->mode), &p);

    if (err)
        return err;
    err = may_create(who, &p);
    if (!err && (S_ISCHR(what->mode) || S_ISBLK(what->mode)) &&
        !cred_root_capable(who->cred, CAP_MKNOD) &&
        !(S_ISCHR(what->mode) && what->rdev == 0)) /* a whiteout is nobody's device */
        err = -EPERM;
    if (!err)
        err = name_make(who, p.last.dir.dentry, p.name, what);
    if (!err && out) {
        struct path made = { p.last.dir.mnt, p.name };
        path_get(&made, out);
    }
    place_leave(&p);
    return err;
}

int vfs_mkdir(const struct actor *who, const struct path *base, const char *name, uint32_t mode)
{
    struct name_new what = { .mode = name_mode(who, mode & 01777, S_IFDIR) };

    return make_at(who, base, name, &what, NULL);
}

int vfs_mknod_path(const struct actor *who, const struct path *base, const char *name,
                   uint32_t mode, uint64_t rdev, struct path *out)
{
    switch (mode & S_IFMT) {
    case 0:
        mode |= S_IFREG;
        break;
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    bool device = S_ISCHR(mode) || S_ISBLK(mode);
    struct name_new what = { .mode = name_mode(who, mode, mode & S_IFMT),
                             .rdev = device ? rdev : 0 };
    return make_at(who, base, name, &what, out);
}

int vfs_mknod(const struct actor *who, const struct path *base, const char *name, uint32_t mode,
              uint64_t rdev)
{
    return vfs_mknod_path(who, base, name, mode, rdev, NULL);
}

int vfs_symlink(const struct actor *who, const char *target, const struct path *base,
                const char *name)
{
    struct name_new what = { .mode = S_IFLNK | 0777, .target = target };

    if (!*target)
        return -ENOENT;
    return make_at(who, base, name, &what, NULL);
}

/*
 * Nobody makes links to what is not his and could become a trap: a program that runs with
 * others' rights, or a file that he may not write to himself.
 *
 *   source    proc_sys_fs(5), protected_hardlinks; may_linkat()
 */
static bool may_link(const struct actor *who, struct inode *i)
{
    uint32_t mode = inode_mode(i);
    bool is_safe = S_ISREG(mode) && !(mode & S_ISUID) &&
                   (mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
                   inode_permission(i, MAY_READ | MAY_WRITE, who) == 0;

    return is_safe || inode_owner_or_capable(i, who->cred);
}

static int check_link(const struct actor *who, const struct path *old, const struct place *p)
{
    struct inode *i = dentry_inode(old->dentry);
    struct attr attr;

    if (old->mnt != p->last.dir.mnt)
        return -EXDEV;
    if (!may_link(who, i))
        return -EPERM;
    int err = may_create(who, p);
    if (err)
        return err;
    if (i->sb != p->name->sb)
        return -EXDEV;
    if (inode_is(i, S_IFDIR))
        return -EPERM;
    err = inode_getattr(i, &attr);
    if (err)
        return err;
    uint32_t state = atomic_load_explicit(&i->state, memory_order_relaxed);
    return attr.nlink == 0 && !(state & INODE_LINKABLE) ? -ENOENT : 0;
}

int vfs_link(const struct actor *who, const struct path *old, const struct path *base,
             const char *name)
{
    struct inode *i = dentry_inode(old->dentry);
    struct name_new what = { .inode = i };
    struct place p;
    int err = place_find(who, base, name, false, &p);

    if (err)
        return err;
    err = check_link(who, old, &p);
    if (!err)
        err = name_make(who, p.last.dir.dentry, p.name, &what);
    if (!err)
        atomic_fetch_and_explicit(&i->state, ~(uint32_t)INODE_LINKABLE, memory_order_relaxed);
    place_leave(&p);
    return err;
}
