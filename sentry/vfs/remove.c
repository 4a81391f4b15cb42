/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that go: unlink, rmdir.
 *
 *   source    the order of errors is that of do_unlinkat() and do_rmdir(), fs/namei.c, Linux 6.12
 */
#include <errno.h>
#include <string.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/name.h"
#include "sentry/vfs/perm.h"
#include "sentry/vfs/walk.h"

static int check_remove(const struct actor *who, const struct last *last, struct dentry *d,
                        bool want_dir)
{
    struct inode *victim = dentry_inode(d);

    if (!victim)
        return -ENOENT;
    if (last->slash && !want_dir)
        return inode_is(victim, S_IFDIR) ? -EISDIR : -ENOTDIR;
    int err = perm_may_delete(dentry_inode(last->dir.dentry), victim, want_dir, who);
    if (err)
        return err;
    return mount_is_point(last->dir.mnt, d) ? -EBUSY : 0;
}

static int remove_last(const struct actor *who, const struct last *last, bool want_dir)
{
    struct dentry *d;
    int err = mount_want_write(last->dir.mnt); /* and what is there does not matter */

    if (!err)
        err = name_claim(last->dir.dentry, last->name, who, &d);
    if (err)
        return err;
    err = check_remove(who, last, d, want_dir);
    if (!err)
        err = name_remove(last->dir.dentry, d);
    name_unclaim(d);
    dentry_put(d);
    return err;
}

int vfs_unlink(const struct actor *who, const struct path *base, const char *name)
{
    struct last last;
    int err = walk_parent(who, base, name, 0, &last);

    if (err)
        return err;
    const char *n = last.name;
    if (!*n || strcmp(n, ".") == 0 || strcmp(n, "..") == 0)
        err = -EISDIR;
    else
        err = remove_last(who, &last, false);
    path_put(&last.dir);
    return err;
}

int vfs_rmdir(const struct actor *who, const struct path *base, const char *name)
{
    struct last last;
    int err = walk_parent(who, base, name, 0, &last);

    if (err)
        return err;
    if (!*last.name)
        err = -EBUSY;
    else if (strcmp(last.name, ".") == 0)
        err = -EINVAL;
    else if (strcmp(last.name, "..") == 0)
        err = -ENOTEMPTY;
    else
        err = remove_last(who, &last, true);
    path_put(&last.dir);
    return err;
}
