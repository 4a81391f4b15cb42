/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename(2).
 *
 *   source    rename(2); the order of errors is that of do_renameat2() and vfs_rename(),
 *             fs/namei.c, Linux 6.12
 */
#include <errno.h>
#include <stdio.h> /* RENAME_* */
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/name.h"
#include "sentry/vfs/perm.h"
#include "sentry/vfs/walk.h"

struct rename {
    const struct actor *who;
    struct last from, to; /* dirs are references */
    struct name_pair names;
    unsigned flags;
};

static bool is_name(const struct last *l)
{
    return *l->name && strcmp(l->name, ".") != 0 && strcmp(l->name, "..") != 0;
}

static int check_names(const struct rename *r)
{
    struct inode *old = dentry_inode(r->names.from), *new = dentry_inode(r->names.to);

    if (!old)
        return -ENOENT;
    if (r->flags & RENAME_NOREPLACE && new)
        return -EEXIST;
    if (r->flags & RENAME_EXCHANGE) {
        if (!new)
            return -ENOENT;
        if (r->to.slash && !inode_is(new, S_IFDIR))
            return -ENOTDIR;
    }
    if (!inode_is(old, S_IFDIR)) {
        if (r->from.slash)
            return -ENOTDIR;
        if (r->to.slash && !(r->flags & RENAME_EXCHANGE))
            return -ENOTDIR;
    }
    return 0;
}

/* A directory that gets another parent is changed itself: its ".." is. */
static int check_parent_change(const struct rename *r, struct inode *moved)
{
    if (r->from.dir.dentry == r->to.dir.dentry || !inode_is(moved, S_IFDIR))
        return 0;
    return inode_permission(moved, MAY_WRITE, r->who);
}

static int check_rights(const struct rename *r)
{
    struct inode *from = dentry_inode(r->from.dir.dentry), *to = dentry_inode(r->to.dir.dentry);
    struct inode *old = dentry_inode(r->names.from), *new = dentry_inode(r->names.to);
    bool is_dir = inode_is(old, S_IFDIR);
    int err = perm_may_delete(from, old, is_dir, r->who);

    if (err)
        return err;
    if (!new)
        err = perm_may_create(to, r->who);
    else
        err = perm_may_delete(to, new, r->flags & RENAME_EXCHANGE ? inode_is(new, S_IFDIR) : is_dir,
                              r->who);
    if (err)
        return err;
    err = check_parent_change(r, old);
    if (!err && r->flags & RENAME_EXCHANGE)
        err = check_parent_change(r, new);
    if (err)
        return err;
    if (mount_is_point(r->from.dir.mnt, r->names.from) ||
        (new &&mount_is_point(r->to.dir.mnt, r->names.to)))
        return -EBUSY;
    return 0;
}

static int rename_claimed(const struct rename *r)
{
    int err = check_names(r);

    if (!err)
        err = name_check_loops(&r->names, r->flags);
    if (err)
        return err;
    /* Two names of one inode, or one name: nothing happens. */
    if (dentry_inode(r->names.from) == dentry_inode(r->names.to))
        return 0;
    err = check_rights(r);
    if (err)
        return err;
    return name_rename(&r->names, r->flags);
}

static int rename_last(struct rename *r)
{
    r->names.from_dir = r->from.dir.dentry;
    r->names.to_dir = r->to.dir.dentry;
    int err = name_claim_pair(&r->names, r->from.name, r->to.name, r->who);
    if (err)
        return err;
    err = rename_claimed(r);
    name_unclaim_pair(&r->names);
    return err;
}

static int check_ends(const struct rename *r)
{
    if (r->from.dir.mnt != r->to.dir.mnt)
        return -EXDEV;
    if (!is_name(&r->from))
        return -EBUSY;
    if (!is_name(&r->to))
        return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    return mount_want_write(r->from.dir.mnt);
}

int vfs_rename(const struct actor *who, const struct path *old_base, const char *old_name,
               const struct path *new_base, const char *new_name, unsigned flags)
{
    struct rename r = { .who = who, .flags = flags };

    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT) && flags & RENAME_EXCHANGE)
        return -EINVAL;
    int err = walk_parent(who, old_base, old_name, 0, &r.from);
    if (err)
        return err;
    err = walk_parent(who, new_base, new_name, 0, &r.to);
    if (!err) {
        err = check_ends(&r);
        if (!err)
            err = rename_last(&r);
        path_put(&r.to.dir);
    }
    path_put(&r.from.dir);
    return err;
}
