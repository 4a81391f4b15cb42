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

/* The mount that a receiver of `m`'s parent has at the same place, if nothing uses it; borrowed. */
static struct mount *idle_twin(struct vfs *v, struct mount *receiver, struct dentry *point)
{
    struct mount *twin = mount_find_locked(v, receiver, point);

    return twin && list_empty(&twin->children) && ref_count(&twin->ref) == 1 ? twin : NULL;
}

/* What was mounted here by propagation goes there too, where nobody uses it. */
static void propagate_umount(struct vfs *v, struct mount *parent, struct dentry *point)
{
    struct mount *twin;
    struct dentry *its_point;
    struct list gone; /* mount.sibling, of mounts that are nobody's any more */

    list_init(&gone);
    mutex_lock(&v->mounts_lock);
    for (struct mount *r = mount_next_receiver_locked(parent, parent); r;
         r = mount_next_receiver_locked(r, parent)) {
        twin = idle_twin(v, r, point);
        if (!twin)
            continue;
        mount_take_off_locked(twin, &its_point);
        assert(its_point == point);
        list_push_back(&gone, &twin->sibling);
    }
    mutex_unlock(&v->mounts_lock);
    while ((twin = list_pop_front(&gone, struct mount, sibling))) {
        dentry_put(point); /* the reference of `twin` */
        mount_put(twin);
    }
}

static int check_umount(struct mount *m, int flags)
{
    struct vfs *v = vfs_of(m->sb->arena);
    int err = 0;

    mutex_lock(&v->mounts_lock);
    if (!m->parent)
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
    struct path where = { 0 };

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
    mutex_lock(&v->mounts_lock);
    if (m->parent)
        where = (struct path){ mount_get(m->parent), dentry_get(m->point) };
    mutex_unlock(&v->mounts_lock);
    mount_take_down(m);
    if (where.mnt && where.mnt->group)
        propagate_umount(v, where.mnt, where.dentry);
    path_put(&where);
    return 0;
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
