/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of an overlay that come, go and move.
 *
 * Each of these is called with the name claimed in the overlay; what it does to the
 * upper tree takes several steps, which nobody sees.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sentry/fs/overlay_priv.h"

static struct overlay_inode *of(struct inode *i)
{
    return overlay_inode_of(i);
}

/* ---- new names ---- */

/* The inode over what was just made in the upper directory. */
static int adopt(struct overlay_inode *di, const char *name, struct dentry *upper,
                 struct inode **out)
{
    struct overlay_parts p = { .upper = dentry_get(upper) };
    struct inode *i;
    int err = overlay_inode_get(overlay_of(&di->inode), &p, &i);

    if (err)
        return err;
    overlay_inode_place(of(i), di, name);
    *out = i;
    return 0;
}

/* Makes it above, over whatever is below. */
static int make_over(struct overlay_inode *di, const char *name, const struct name_new *what,
                     const struct actor *who, struct inode **out)
{
    bool below, below_is_dir;
    struct dentry *d;
    int err = overlay_lower_has(di, name, &below, &below_is_dir);

    if (!err)
        err = overlay_make_upper(di, name, what, who, &d);
    if (err)
        return err;
    if (S_ISDIR(what->mode) && below_is_dir)
        err = overlay_set_opaque(d);
    if (!err)
        err = adopt(di, name, d, out);
    /* Nobody saw it: it goes again. */
    if (err && (overlay_remove(overlay_of(&di->inode), overlay_upper(di), name, dentry_inode(d)) ||
                (below && overlay_whiteout(di, name))))
        err = -EIO;
    dentry_put(d);
    return err;
}

static int make(struct inode *dir, const char *name, const struct name_new *what,
                const struct actor *who, struct inode **out)
{
    struct overlay_inode *di = of(dir);
    int err = overlay_change_begin(di);

    if (err)
        return err;
    err = make_over(di, name, what, who, out);
    overlay_change_end(di);
    return err;
}

static int overlay_make_file(struct inode *dir, const char *name, uint32_t mode,
                             const struct actor *who, struct inode **out)
{
    struct name_new what = { .mode = mode };

    return make(dir, name, &what, who, out);
}

static int overlay_mknod(struct inode *dir, const char *name, uint32_t mode, uint64_t rdev,
                         const struct actor *who, struct inode **out)
{
    struct name_new what = { .mode = mode, .rdev = rdev };

    if (S_ISCHR(mode) && rdev == 0)
        return -EPERM; /* it would be a whiteout of ours */
    return make(dir, name, &what, who, out);
}

static int overlay_symlink(struct inode *dir, const char *name, const char *target,
                           const struct actor *who, struct inode **out)
{
    struct name_new what = { .mode = S_IFLNK | 0777, .target = target };

    return make(dir, name, &what, who, out);
}

static int overlay_link(struct inode *dir, const char *name, struct inode *inode,
                        const struct actor *who)
{
    struct overlay_inode *di = of(dir), *oi = of(inode);
    struct dentry *d;
    int err = overlay_copy_up(oi, UINT64_MAX);

    if (!err)
        err = overlay_change_begin(di);
    if (err)
        return err;
    struct name_new what = { .inode = dentry_inode(overlay_upper(oi)) };
    err = overlay_make_upper(di, name, &what, who, &d);
    overlay_change_end(di);
    if (err)
        return err;
    dentry_put(d);
    overlay_inode_links(oi, 1);
    return overlay_inode_refresh(oi);
}

/* Makes a file that no name leads to. `at` is given. */
static int make_unnamed(struct overlay_inode *di, uint32_t mode, const struct actor *who,
                        struct path *at)
{
    struct inode *upper = dentry_inode(overlay_upper(di)), *i;

    if (!upper->ops->tmpfile)
        return -EOPNOTSUPP;
    int err = upper->ops->tmpfile(upper, mode, who, &i);
    if (err)
        return err;
    err = vfs_name_unlinked(&overlay_of(&di->inode)->upper, i, "#tmpfile", at);
    inode_put(i);
    return err;
}

static int overlay_tmpfile(struct inode *dir, uint32_t mode, const struct actor *who,
                           struct inode **out)
{
    struct overlay_inode *di = of(dir);
    struct path at;
    int err = overlay_change_begin(di);

    if (err)
        return err;
    err = make_unnamed(di, mode, who, &at);
    overlay_change_end(di);
    if (err)
        return err;
    struct overlay_parts p = { .upper = dentry_get(at.dentry) };
    path_put(&at);
    return overlay_inode_get(overlay_of(dir), &p, out);
}

/* ---- names that go ---- */

/*
 * Takes the name away above and hides what is below.
 *
 *   whiteouts the upper half of `oi`, a directory, has some in it
 */
static int hide(struct overlay_inode *di, const char *name, struct overlay_inode *oi,
                bool whiteouts)
{
    bool below, is_dir, above;
    struct overlay_temp aside;
    int err = overlay_lower_has(di, name, &below, &is_dir);

    if (!err)
        err = overlay_upper_has(di, name, oi, &above);
    if (err)
        return err;
    if (!above)
        return below ? overlay_whiteout(di, name) : 0;
    if (!below && !whiteouts)
        return overlay_remove(overlay_of(&di->inode), overlay_upper(di), name,
                              dentry_inode(overlay_upper(oi)));
    err = overlay_set_aside(di, name, oi, below ? RENAME_WHITEOUT : 0, &aside);
    if (!err)
        overlay_drop_aside(oi, &aside);
    return err;
}

static int remove_file(struct overlay_inode *di, const char *name, struct overlay_inode *oi)
{
    int err = hide(di, name, oi, false);

    if (err)
        return err;
    overlay_inode_unplace(oi, di, name);
    overlay_inode_links(oi, -1);
    return overlay_inode_refresh(oi);
}

static int remove_dir(struct overlay_inode *di, const char *name, struct overlay_inode *oi)
{
    bool whiteouts;
    int err = overlay_leave_begin(oi, &whiteouts);

    if (err)
        return err;
    err = hide(di, name, oi, whiteouts);
    overlay_leave_end(oi, !err);
    if (!err)
        overlay_inode_unplace(oi, di, name);
    return err;
}

static int overlay_remove_name(struct inode *dir, const char *name, struct inode *victim)
{
    struct overlay_inode *di = of(dir), *oi = of(victim);
    int err = overlay_change_begin(di);

    if (err)
        return err;
    err = inode_is(victim, S_IFDIR) ? remove_dir(di, name, oi) : remove_file(di, name, oi);
    overlay_change_end(di);
    overlay_inode_refresh(di);
    return err;
}

const struct inode_ops overlay_dir_ops = {
    .lookup = overlay_lookup,
    .look_ahead = overlay_look_ahead,
    .revalidate = overlay_revalidate,
    .create = overlay_make_file,
    .mkdir = overlay_make_file,
    .mknod = overlay_mknod,
    .symlink = overlay_symlink,
    .link = overlay_link,
    .unlink = overlay_remove_name,
    .rmdir = overlay_remove_name,
    .rename = overlay_rename,
    .tmpfile = overlay_tmpfile,
    .open = overlay_open_dir,
    OVERLAY_COMMON_OPS,
};
