/* SPDX-License-Identifier: Apache-2.0 */
/*
 * umount2(2) and pivot_root(2).
 *
 *   source    umount(2), pivot_root(2); fs/namespace.c, Linux 6.12: do_umount()
 */
#include <errno.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs_priv.h"

/* References that a mount has while nobody uses it: the tree's, and that of the caller's path. */
#define IDLE_REFS 2

static bool is_busy(struct mount *m)
{
    return !list_empty(&m->children) || ref_count(&m->ref) > IDLE_REFS;
}

/* `m` goes: its reference, and its point's, are in the list from now on. */
static void take_off_locked(struct mount *m, struct list *gone)
{
    struct dentry *point;

    mount_take_off_locked(m, &point);
    m->point = point;
    list_push_back(gone, &m->sibling);
}

/*
 * What was mounted by propagation where `m` is goes too: where nobody uses it, or `lazy`, and
 * always but where something is mounted on it.
 */
static void take_twins_locked(struct vfs *v, struct mount *m, bool lazy, struct list *gone)
{
    struct mount *from = m->parent;

    if (!from->group)
        return;
    for (struct mount *r = mount_next_receiver_locked(from, from); r;
         r = mount_next_receiver_locked(r, from)) {
        struct mount *twin = mount_find_locked(v, r, m->point);
        if (twin && list_empty(&twin->children) && (lazy || ref_count(&twin->ref) == 1))
            take_off_locked(twin, gone);
    }
}

/* One at or below `top` that nothing is mounted on, and what goes with it. NULL: `top` is gone. */
static struct mount *take_leaf(struct vfs *v, struct mount *top, bool lazy, struct list *gone)
{
    struct mount *m = top;

    mutex_lock(&v->mounts_lock);
    while (!list_empty(&m->children))
        m = list_first(&m->children, struct mount, sibling);
    if (m->parent) {
        take_twins_locked(v, m, lazy, gone);
        take_off_locked(m, gone);
    } else {
        m = NULL;
    }
    mutex_unlock(&v->mounts_lock);
    return m;
}

/* Leaves first, so that twins are bare when their turn comes. Errors: EINVAL, it is gone. */
static int take_down(struct vfs *v, struct mount *top, bool lazy)
{
    struct mount *leaf, *m;
    struct list gone; /* mount.sibling */

    list_init(&gone);
    do {
        leaf = take_leaf(v, top, lazy, &gone);
    } while (leaf && leaf != top);
    /* None of them is shown any more, so none is kept again. */
    prefix_drop_all(v);
    while ((m = list_pop_front(&gone, struct mount, sibling))) {
        dentry_put(m->point);
        m->point = NULL;
        mount_put(m);
    }
    return leaf ? 0 : -EINVAL;
}

static int check_umount(struct mount *m, int flags)
{
    struct vfs *v = vfs_of(m->sb->arena);
    int err = 0;

    mutex_lock(&v->mounts_lock);
    if (!m->ns)
        err = -EINVAL; /* somebody else was faster */
    else if (!m->parent)
        err = -EBUSY; /* the root of all */
    else if (!(flags & MNT_DETACH) && is_busy(m))
        err = -EBUSY;
    else if (flags & MNT_EXPIRE && !m->expiring) {
        m->expiring = true;
        err = -EAGAIN;
    }
    mutex_unlock(&v->mounts_lock);
    return err;
}

int vfs_umount(const struct actor *who, const struct path *at, int flags)
{
    struct vfs *v = vfs_of(who->arena);
    struct mount *m = at->mnt;

    if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if (!mount_may(who))
        return -EPERM;
    if (at->dentry != m->root || m->ns != fs_context_mnt_ns(who->fs) || m->locked)
        return -EINVAL;
    if (flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH))
        return -EINVAL;
    prefix_drop_all(v); /* nobody uses what is only kept */
    int err = check_umount(m, flags);
    if (err)
        return err;
    return take_down(v, m, flags & MNT_DETACH);
}

/* ---- pivot_root(2) ---- */

/* Is `p` at or below `top`, over mounts? */
static bool is_under_locked(struct path p, const struct path *top)
{
    while (p.mnt != top->mnt) {
        if (!p.mnt->parent)
            return false;
        p = (struct path){ p.mnt->parent, p.mnt->point };
    }
    return dentry_is_below(p.dentry, top->dentry);
}

static int check_pivot_locked(const struct actor *who, const struct path *root,
                              const struct path *fresh, const struct path *put_old)
{
    struct mnt_ns *ns = fs_context_mnt_ns(who->fs);

    if (fresh->mnt->ns != ns || root->mnt->ns != ns || put_old->mnt->ns != ns || fresh->mnt->locked)
        return -EINVAL;
    if (dentry_is_deleted(fresh->dentry) || dentry_is_deleted(put_old->dentry))
        return -ENOENT;
    if (fresh->mnt == root->mnt || put_old->mnt == root->mnt)
        return -EBUSY; /* the new root must be a mount of its own */
    if (root->dentry != root->mnt->root || fresh->dentry != fresh->mnt->root ||
        !root->mnt->parent != (root->mnt == ns->root) || !fresh->mnt->parent)
        return -EINVAL;
    if (fresh->mnt->parent->group || put_old->mnt->group ||
        (root->mnt->parent && root->mnt->parent->group))
        return -EINVAL;
    if (!is_under_locked(*put_old, fresh) || !is_under_locked(*fresh, root))
        return -EINVAL;
    return 0;
}

int vfs_pivot_root(const struct actor *who, const struct path *fresh, const struct path *put_old)
{
    struct vfs *v = vfs_of(who->arena);
    struct dentry *fresh_point = NULL, *root_point = NULL;
    struct path root;

    if (!mount_may(who))
        return -EPERM;
    fs_context_root(who->fs, &root);
    int err = dentry_pin(put_old->dentry);
    mutex_lock(&v->mounts_lock);
    if (!err)
        err = check_pivot_locked(who, &root, fresh, put_old);
    if (!err) {
        struct mnt_ns *ns = fs_context_mnt_ns(who->fs);
        struct mount *parent = root.mnt->parent;
        mount_unlink_locked(fresh->mnt, &fresh_point);
        mount_unlink_locked(root.mnt, &root_point);
        if (parent)
            mount_link_locked(fresh->mnt, parent, root_point, NULL);
        else
            ns->root = fresh->mnt;
        mount_link_locked(root.mnt, put_old->mnt, put_old->dentry, NULL);
    }
    mutex_unlock(&v->mounts_lock);
    dentry_put(fresh_point);
    dentry_put(root_point);
    path_put(&root);
    return err;
}
