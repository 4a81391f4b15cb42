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

/* The directory itself, ready to be changed. Errors: EROFS; ENOENT where it was removed. */
static int ready(struct overlay_inode *di)
{
    int err = overlay_copy_up(di, UINT64_MAX);

    if (err)
        return err;
    return dentry_is_deleted(overlay_upper(di)) ? -ENOENT : 0;
}

/* ---- new names ---- */

/* The inode over a dentry that was just made in the upper directory; taken. */
static int adopt(struct overlay_inode *di, const char *name, struct dentry *upper,
                 struct inode **out)
{
    struct overlay_parts p = { .upper = upper };
    struct inode *i;
    int err = overlay_inode_get(overlay_of(&di->inode), &p, &i);

    if (err)
        return err;
    overlay_inode_place(of(i), di, name);
    *out = i;
    return 0;
}

/* Makes it above, over whatever is below. `*made` is given. */
static int make_upper(struct overlay_inode *di, const char *name, const struct name_new *what,
                      const struct actor *who, struct dentry **made)
{
    struct dentry *d;
    int err = overlay_claim_free(di, name, &d);

    if (err)
        return err;
    err = name_make(who, overlay_upper(di), d, what);
    name_unclaim(d);
    if (err)
        dentry_put(d);
    else
        *made = d;
    return err;
}

static int make(struct inode *dir, const char *name, const struct name_new *what,
                const struct actor *who, struct inode **out)
{
    struct overlay_inode *di = of(dir);
    bool below, below_is_dir;
    struct dentry *d;
    int err = ready(di);

    if (!err)
        err = overlay_lower_has(di, name, &below, &below_is_dir);
    if (!err)
        err = make_upper(di, name, what, who, &d);
    if (err)
        return err;
    if (S_ISDIR(what->mode) && below_is_dir)
        err = overlay_set_opaque(d);
    if (!err) {
        err = adopt(di, name, d, out); /* takes d */
    } else {
        dentry_put(d);
    }
    /* Nobody saw it: it goes again. */
    if (err && (overlay_remove_upper(di, name) || (below && overlay_whiteout(di, name))))
        err = -EIO;
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
        err = ready(di);
    if (err)
        return err;
    struct name_new what = { .inode = dentry_inode(overlay_upper(oi)) };
    err = make_upper(di, name, &what, who, &d);
    if (err)
        return err;
    dentry_put(d);
    overlay_inode_links(oi, 1);
    return overlay_inode_refresh(oi);
}

static int overlay_tmpfile(struct inode *dir, uint32_t mode, const struct actor *who,
                           struct inode **out)
{
    struct overlay_inode *di = of(dir);
    struct overlay *o = overlay_of(dir);
    struct inode *i;
    struct path at;
    int err = ready(di);

    if (err)
        return err;
    struct inode *upper = dentry_inode(overlay_upper(di));
    if (!upper->ops->tmpfile)
        return -EOPNOTSUPP;
    err = upper->ops->tmpfile(upper, mode, who, &i);
    if (err)
        return err;
    err = vfs_name_unlinked(&o->upper, i, "#tmpfile", &at);
    inode_put(i);
    if (err)
        return err;
    struct overlay_parts p = { .upper = dentry_get(at.dentry) };
    path_put(&at);
    return overlay_inode_get(o, &p, out);
}

/* ---- names that go ---- */

/* Takes the name away above and hides what is below. */
static int hide(struct overlay_inode *di, const char *name)
{
    bool below, is_dir;
    int err = overlay_lower_has(di, name, &below, &is_dir);

    if (!err)
        err = overlay_remove_upper(di, name);
    if (!err && below)
        err = overlay_whiteout(di, name);
    return err;
}

static void touch_dir(struct overlay_inode *di)
{
    overlay_inode_refresh(di);
}

static int overlay_unlink(struct inode *dir, const char *name, struct inode *victim)
{
    struct overlay_inode *di = of(dir), *oi = of(victim);
    int err = ready(di);

    if (!err)
        err = hide(di, name);
    if (err)
        return err;
    overlay_inode_unplace(oi, di, name);
    overlay_inode_links(oi, -1);
    overlay_inode_refresh(oi);
    touch_dir(di);
    return 0;
}

static int overlay_rmdir(struct inode *dir, const char *name, struct inode *victim)
{
    struct overlay_inode *di = of(dir), *oi = of(victim);
    int err = ready(di);

    if (!err)
        err = overlay_is_empty(oi, NULL);
    if (!err)
        err = overlay_clear_whiteouts(oi);
    /* A directory that is only below still needs an upper half: new names in it must fail. */
    if (!err)
        err = overlay_copy_up(oi, 0);
    if (!err)
        err = hide(di, name);
    if (err)
        return err;
    overlay_inode_unplace(oi, di, name);
    touch_dir(di);
    return 0;
}

/* ---- rename ---- */

/* What is being renamed, seen from one end. */
struct end {
    struct overlay_inode *dir;
    const char *name;
    struct overlay_inode *oi; /* what is there; NULL: nothing */
    bool below, below_is_dir; /* what lower layers have of the name */
};

static int end_find(struct end *e)
{
    int err = ready(e->dir);

    return err ? err : overlay_lower_has(e->dir, e->name, &e->below, &e->below_is_dir);
}

/* Readies `oi`, copied up, to stand where `to` is. */
static int mark_moved(struct overlay *o, struct overlay_inode *oi, const struct end *to)
{
    if (!inode_is(&oi->inode, S_IFDIR))
        return 0;
    if (oi->nlower > 0)
        return overlay_set_redirect(o, oi);
    return to->below_is_dir ? overlay_set_opaque(overlay_upper(oi)) : 0;
}

/* Makes the upper place of `to` free for what comes. */
static int clear_target(const struct end *to)
{
    if (to->oi && inode_is(&to->oi->inode, S_IFDIR)) {
        int err = overlay_is_empty(to->oi, NULL);
        if (!err)
            err = overlay_clear_whiteouts(to->oi);
        if (!err)
            err = overlay_copy_up(to->oi, 0); /* as in rmdir: it must know that it is gone */
        return err ? err : overlay_remove_upper(to->dir, to->name);
    }
    struct dentry *d;
    struct overlay *o = overlay_of(&to->dir->inode);
    int err = dentry_lookup(overlay_upper(to->dir), to->name, &o->actor, &d);
    if (err)
        return err;
    bool whiteout = overlay_is_whiteout(d);
    dentry_put(d);
    return whiteout ? overlay_remove_upper(to->dir, to->name) : 0;
}

static int rename_upper(const struct end *from, const struct end *to, unsigned flags)
{
    struct overlay *o = overlay_of(&from->dir->inode);
    struct dentry *a, *b, *from_dir = overlay_upper(from->dir), *to_dir = overlay_upper(to->dir);
    int err = name_claim_two(from_dir, from->name, to_dir, to->name, &o->actor, &a, &b);

    if (err)
        return err;
    if (!dentry_inode(a) || (flags & RENAME_EXCHANGE && !dentry_inode(b)))
        err = -EIO;
    else
        err = name_rename(from_dir, a, to_dir, b, flags);
    name_unclaim_two(a, b);
    dentry_put(a);
    dentry_put(b);
    return err;
}

static void moved_here(struct overlay_inode *oi, const struct end *to)
{
    overlay_inode_refresh(oi);
    overlay_inode_place(oi, to->dir, to->name);
}

static int exchange(struct overlay *o, const struct end *from, const struct end *to)
{
    int err = overlay_copy_up(to->oi, UINT64_MAX);

    if (!err)
        err = mark_moved(o, from->oi, to);
    if (!err)
        err = mark_moved(o, to->oi, from);
    if (!err)
        err = rename_upper(from, to, RENAME_EXCHANGE);
    if (err)
        return err;
    moved_here(from->oi, to);
    moved_here(to->oi, from);
    return 0;
}

static int move(struct overlay *o, const struct end *from, const struct end *to)
{
    int err = mark_moved(o, from->oi, to);

    if (!err)
        err = clear_target(to);
    if (!err)
        err = rename_upper(from, to, from->below ? RENAME_WHITEOUT : 0);
    if (err)
        return err;
    if (to->oi) {
        overlay_inode_unplace(to->oi, to->dir, to->name);
        if (!inode_is(&to->oi->inode, S_IFDIR))
            overlay_inode_links(to->oi, -1);
        overlay_inode_refresh(to->oi);
    }
    moved_here(from->oi, to);
    return 0;
}

static int overlay_rename(struct inode *from_dir, const char *old_name, struct inode *inode,
                          struct inode *to_dir, const char *new_name, struct inode *victim,
                          unsigned flags)
{
    struct overlay *o = overlay_of(from_dir);
    struct end from = { .dir = of(from_dir), .name = old_name, .oi = of(inode) };
    struct end to = { .dir = of(to_dir), .name = new_name, .oi = victim ? of(victim) : NULL };

    if (flags & RENAME_WHITEOUT)
        return -EINVAL;
    int err = end_find(&from);
    if (!err)
        err = end_find(&to);
    if (!err)
        err = overlay_copy_up(from.oi, UINT64_MAX);
    if (!err)
        err = flags & RENAME_EXCHANGE ? exchange(o, &from, &to) : move(o, &from, &to);
    touch_dir(from.dir);
    touch_dir(to.dir);
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
    .unlink = overlay_unlink,
    .rmdir = overlay_rmdir,
    .rename = overlay_rename,
    .tmpfile = overlay_tmpfile,
    .open = overlay_open_dir,
    OVERLAY_COMMON_OPS,
};
