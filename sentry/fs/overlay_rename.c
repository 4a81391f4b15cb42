/* SPDX-License-Identifier: Apache-2.0 */
/* Names of an overlay that move, with what lower layers have of them left where it is. */
#include <errno.h>
#include <stdio.h> /* RENAME_* */

#include "sentry/fs/overlay_priv.h"

/* What is being renamed, seen from one end. */
struct end {
    struct overlay_inode *dir;
    const char *name;
    struct overlay_inode *oi; /* what is there; NULL: nothing */
    bool below, below_is_dir; /* what lower layers have of the name */
};

static bool is_dir(const struct end *e)
{
    return e->oi && inode_is(&e->oi->inode, S_IFDIR);
}

static int end_find(struct end *e)
{
    return overlay_lower_has(e->dir, e->name, &e->below, &e->below_is_dir);
}

/*
 * Gives what is there an upper half that can be moved. A hard link that was copied up by
 * another of its names has one, but not of this name.
 */
static int end_copy_up(const struct end *e)
{
    struct overlay *o = overlay_of(&e->dir->inode);
    bool above;
    int err = overlay_copy_up(e->oi, UINT64_MAX);

    if (!err)
        err = overlay_upper_has(e->dir, e->name, e->oi, &above);
    if (err || above)
        return err;
    if (is_dir(e))
        return -ESTALE;
    struct name_new link = { .inode = dentry_inode(overlay_upper(e->oi)) };
    struct dentry *d;
    err = overlay_make_upper(e->dir, e->name, &link, &o->actor, &d);
    if (!err)
        dentry_put(d);
    return err;
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

/* Is what the upper tree has there what the overlay shows: `e`, nothing or a whiteout? */
static bool is_as_seen(const struct dentry *d, const struct end *e)
{
    return !dentry_inode(d) || overlay_is_whiteout(d) || (e->oi && overlay_is_upper_of(d, e->oi));
}

static int rename_upper(const struct end *from, const struct end *to, unsigned flags)
{
    struct overlay *o = overlay_of(&from->dir->inode);
    struct name_pair p = { .from_dir = overlay_upper(from->dir), .to_dir = overlay_upper(to->dir) };
    int err = name_claim_pair(&p, from->name, to->name, &o->actor);

    if (err)
        return err;
    bool still =
        overlay_is_upper_of(p.from, from->oi) &&
        (flags & RENAME_EXCHANGE ? overlay_is_upper_of(p.to, to->oi) : is_as_seen(p.to, to));
    err = still ? name_rename(&p, flags) : -ESTALE;
    name_unclaim_pair(&p);
    return err;
}

static void moved_here(struct overlay_inode *oi, const struct end *to)
{
    overlay_inode_refresh(oi);
    overlay_inode_place(oi, to->dir, to->name);
}

static int exchange(struct overlay *o, const struct end *from, const struct end *to)
{
    int err = end_copy_up(to);

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

static int move_upper(const struct end *from, const struct end *to)
{
    return rename_upper(from, to, from->below ? RENAME_WHITEOUT : 0);
}

/* Over a directory that is empty, but for whiteouts: it makes place, and comes back on failure. */
static int move_over_whiteouts(const struct end *from, const struct end *to)
{
    struct overlay_temp aside;
    int err = overlay_set_aside(to->dir, to->name, to->oi, 0, &aside);

    if (err)
        return err;
    err = move_upper(from, to);
    if (!err)
        overlay_drop_aside(to->oi, &aside);
    else if (overlay_bring_back(to->dir, to->name, &aside))
        err = -EIO;
    return err;
}

static int move_over_dir(const struct end *from, const struct end *to)
{
    bool whiteouts;
    int err = overlay_leave_begin(to->oi, &whiteouts);

    if (err)
        return err;
    err = whiteouts ? move_over_whiteouts(from, to) : move_upper(from, to);
    overlay_leave_end(to->oi, !err);
    return err;
}

static int move(struct overlay *o, const struct end *from, const struct end *to)
{
    int err = mark_moved(o, from->oi, to);

    if (!err)
        err = is_dir(to) ? move_over_dir(from, to) : move_upper(from, to);
    if (err)
        return err;
    if (to->oi) {
        overlay_inode_unplace(to->oi, to->dir, to->name);
        if (!is_dir(to))
            overlay_inode_links(to->oi, -1);
        overlay_inode_refresh(to->oi);
    }
    moved_here(from->oi, to);
    return 0;
}

static int rename_ends(struct end *from, struct end *to, unsigned flags)
{
    struct overlay *o = overlay_of(&from->dir->inode);
    int err = end_find(from);

    if (!err)
        err = end_find(to);
    if (!err)
        err = end_copy_up(from);
    if (err)
        return err;
    return flags & RENAME_EXCHANGE ? exchange(o, from, to) : move(o, from, to);
}

int overlay_rename(struct inode *from_dir, const char *old_name, struct inode *inode,
                   struct inode *to_dir, const char *new_name, struct inode *victim, unsigned flags)
{
    struct end from = { .dir = overlay_inode_of(from_dir),
                        .name = old_name,
                        .oi = overlay_inode_of(inode) };
    struct end to = { .dir = overlay_inode_of(to_dir),
                      .name = new_name,
                      .oi = victim ? overlay_inode_of(victim) : NULL };

    if (flags & RENAME_WHITEOUT)
        return -EINVAL;
    int err = overlay_change_begin(from.dir);
    if (err)
        return err;
    err = overlay_change_begin(to.dir);
    if (!err) {
        err = rename_ends(&from, &to, flags);
        overlay_change_end(to.dir);
    }
    overlay_change_end(from.dir);
    overlay_inode_refresh(from.dir);
    overlay_inode_refresh(to.dir);
    return err;
}
