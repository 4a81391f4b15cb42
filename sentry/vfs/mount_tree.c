/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of mounts, and hanging them up.
 *
 * A copy of a tree is built outside of any namespace, under the mounts lock only for
 * single steps; what it is a copy of may change meanwhile, and then the copy shows
 * one of the states that it went through.
 */
#include <errno.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

int mount_clone(struct mount *m, struct dentry *root, bool as_slave, struct mount **out)
{
    struct vfs *v = vfs_of(m->sb->arena);
    int err = mount_new(dentry_get(root), m->source, mount_flags(m), out);

    if (err)
        return err;
    struct mount *copy = *out;
    mutex_lock(&v->mounts_lock);
    copy->unbindable = m->unbindable;
    if (m->group && !as_slave) {
        mount_join_group_locked(v, copy, m);
    } else if (m->group) {
        copy->master = m;
        list_push_back(&m->slaves, &copy->slave_node);
    } else if (m->master) {
        copy->master = m->master;
        list_push_back(&m->master->slaves, &copy->slave_node);
    }
    mutex_unlock(&v->mounts_lock);
    return 0;
}

/* A child to copy: references. */
struct child {
    struct mount *from;   /* what it is a copy of */
    struct mount *parent; /* the copy of its parent */
    struct dentry *point;
};

/* Hangs `copy` (taken) into a tree that is in no namespace. */
static void link_copy(struct vfs *v, struct mount *copy, struct mount *parent, struct dentry *point)
{
    mutex_lock(&v->mounts_lock);
    mount_link_locked(copy, parent, point, NULL);
    mutex_unlock(&v->mounts_lock);
}

/*
 * Goes over the tree of `m` in preorder, `at` and `copy` in step: `at` is in the original,
 * `copy` its copy.
 */
static int clone_children(struct vfs *v, struct mount *m, struct mount *copy, struct dentry *root,
                          bool as_slave, bool with_unbindable)
{
    struct mount *from[MOUNT_DEPTH_MAX], *to[MOUNT_DEPTH_MAX];
    unsigned depth = 0;
    int err = 0;

    from[0] = mount_get(m);
    to[0] = copy;
    /* The next child of each level that was not copied yet: by position, as the list may change. */
    unsigned next[MOUNT_DEPTH_MAX] = { 0 };
    for (;;) {
        struct child c = { 0 };
        mutex_lock(&v->mounts_lock);
        struct mount *k;
        unsigned n = 0;
        list_for_each (k, &from[depth]->children, sibling)
            if (n++ == next[depth]) {
                c = (struct child){ mount_get(k), to[depth], dentry_get(k->point) };
                break;
            }
        mutex_unlock(&v->mounts_lock);
        if (!c.from) {
            mount_put(from[depth]);
            if (depth-- == 0)
                return err;
            continue;
        }
        next[depth]++;
        bool skip = (c.from->unbindable && !with_unbindable) ||
                    (depth == 0 && !dentry_is_under(c.point, root));
        struct mount *fresh = NULL;
        if (!skip)
            err = depth + 1 < MOUNT_DEPTH_MAX ? mount_clone(c.from, c.from->root, as_slave, &fresh)
                                              : -ENOSPC;
        if (fresh) {
            fresh->locked = c.from->locked;
            link_copy(v, fresh, c.parent, c.point);
            depth++;
            from[depth] = mount_get(c.from);
            to[depth] = fresh;
            next[depth] = 0;
        }
        dentry_put(c.point);
        mount_put(c.from);
        if (err) {
            for (unsigned i = 0; i <= depth; i++)
                mount_put(from[i]);
            return err;
        }
    }
}

int mount_clone_tree(struct mount *m, struct dentry *root, bool as_slave, bool with_unbindable,
                     struct mount **out)
{
    struct mount *top;
    int err = mount_clone(m, root, as_slave, &top);

    if (err)
        return err;
    err = clone_children(vfs_of(m->sb->arena), m, top, root, as_slave, with_unbindable);
    if (err)
        mount_take_down(top);
    else
        *out = top;
    return err;
}

/* ---- hanging up ---- */

/* All of a tree get their namespace. */
static void settle_locked(struct mount *top, struct mnt_ns *ns)
{
    for (struct mount *m = top; m; m = mount_next_locked(m, top))
        if (m->ns != ns) {
            m->ns = ns;
            list_push_back(&ns->mounts, &m->ns_node);
            ns->nmounts++;
            vfs_of(ns->arena)->nmounts++;
        }
}

static uint32_t count_locked(struct mount *top)
{
    uint32_t n = 0;

    for (struct mount *m = top; m; m = mount_next_locked(m, top))
        n++;
    return n;
}

/* The mounts that get what is mounted in another: references. */
struct receivers {
    struct mount **list; /* arena */
    uint32_t n;
};

/* How many `origin` has. Where there is room for all, they are in `out`, given. */
static uint32_t get_receivers(struct vfs *v, struct mount *origin, struct mount **out,
                              uint32_t room)
{
    uint32_t n = 0, at = 0;

    mutex_lock(&v->mounts_lock);
    struct mount *first = origin->group ? mount_next_receiver_locked(origin, origin) : NULL;
    for (struct mount *r = first; r; r = mount_next_receiver_locked(r, origin))
        n += r->ns != NULL;
    for (struct mount *r = first; r && n <= room; r = mount_next_receiver_locked(r, origin))
        if (r->ns)
            out[at++] = mount_get(r);
    mutex_unlock(&v->mounts_lock);
    return n;
}

/* `out`, zeroed before, is given: receivers_put(), also after a failure. Errors: ENOMEM. */
static int receivers_find(struct vfs *v, struct mount *origin, struct receivers *out)
{
    uint32_t room = 0, n;

    while ((n = get_receivers(v, origin, out->list, room)) > room) {
        arena_free(out->list);
        out->list = arena_alloc(v->arena, n * sizeof(struct mount *));
        if (!out->list)
            return -ENOMEM;
        room = n;
    }
    out->n = n;
    return 0;
}

static void receivers_put(struct receivers *to)
{
    for (uint32_t i = 0; i < to->n; i++)
        mount_put(to->list[i]);
    arena_free(to->list);
}

static int hang(struct vfs *v, struct mount *top, struct mount *parent, struct dentry *point)
{
    int err = 0;

    mutex_lock(&v->mounts_lock);
    if (!parent->ns || dentry_is_deleted(point))
        err = -ENOENT;
    else if (v->nmounts + count_locked(top) > MOUNTS_MAX)
        err = -ENOSPC;
    if (!err) {
        if (parent->group && !top->group)
            mount_set_propagation_locked(v, top, MS_SHARED);
        mount_link_locked(top, parent, point, NULL);
        settle_locked(top, parent->ns);
    }
    mutex_unlock(&v->mounts_lock);
    return err;
}

/* The peers and slaves of where it was mounted get copies. What fails there fails alone. */
static void propagate(struct vfs *v, struct mount *top, const struct path *at,
                      const struct receivers *to)
{
    for (uint32_t i = 0; i < to->n; i++) {
        struct mount *r = to->list[i], *copy;
        if (dentry_is_under(at->dentry, r->root) &&
            mount_clone_tree(top, top->root, r->group != at->mnt->group, true, &copy) == 0 &&
            hang(v, copy, r, at->dentry))
            mount_take_down(copy);
    }
}

int mount_graft(struct mount *top, const struct path *at)
{
    struct vfs *v = vfs_of(top->sb->arena);
    struct receivers to = { 0 };
    int err = 0;

    if (inode_is(dentry_inode(top->root), S_IFDIR) != inode_is(dentry_inode(at->dentry), S_IFDIR))
        err = -ENOTDIR;
    if (!err)
        err = dentry_pin(at->dentry);
    /* Now, as `top` may be a copy of where it goes, and a receiver itself when it hangs there. */
    if (!err)
        err = receivers_find(v, at->mnt, &to);
    if (!err)
        err = hang(v, top, at->mnt, at->dentry);
    if (err)
        mount_take_down(top);
    else
        propagate(v, top, at, &to);
    receivers_put(&to);
    return err;
}

int mount_attach(struct dentry *root, const char *source, unsigned long flags,
                 const struct path *at)
{
    struct mount *m;
    int err = mount_new(root, source, flags, &m);

    return err ? err : mount_graft(m, at);
}

int mount_create_private(struct dentry *root, unsigned long flags, struct path *out)
{
    struct mount *m;
    int err = mount_new(root, "none", flags, &m);

    if (err)
        return err;
    m->internal = true;
    *out = (struct path){ m, dentry_get(m->root) };
    return 0;
}
