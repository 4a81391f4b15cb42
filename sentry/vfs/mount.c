/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of mounts, as walks see it.
 *
 * A mount hangs on a name of its parent. Several may hang on one name: each later
 * one on the root of the one before, so that a path never sees any but the last.
 */
#include "sentry/vfs/mount.h"

#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs_priv.h"

static const struct slab_type mount_slab = SLAB_TYPE(mount, struct mount);

int mount_new(struct dentry *root, const char *source, unsigned long flags, struct mount **out)
{
    struct arena *a = root->sb->arena;
    struct vfs *v = vfs_of(a);
    struct mount *m = slab_alloc(a, &mount_slab);

    if (m)
        m->source = arena_strndup(a, source, strlen(source));
    if (!m || !m->source) {
        slab_free(m);
        dentry_put(root);
        return -ENOMEM;
    }
    ref_init(&m->ref);
    m->sb = superblock_get(root->sb);
    m->root = root;
    if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
        flags |= MS_RELATIME; /* as mount(2) does where nothing is said */
    atomic_init(&m->flags, flags & MOUNT_FLAGS);
    list_init(&m->children);
    list_init(&m->sibling);
    list_init(&m->ns_node);
    list_init(&m->peers);
    list_init(&m->slaves);
    list_init(&m->slave_node);
    atomic_fetch_add_explicit(&m->sb->mounts, 1, memory_order_relaxed);
    mutex_lock(&v->mounts_lock);
    m->id = v->next_mount_id++;
    mutex_unlock(&v->mounts_lock);
    *out = m;
    return 0;
}

struct mount *mount_get(struct mount *m)
{
    ref_get(&m->ref);
    return m;
}

void mount_put(struct mount *m)
{
    if (!m || !ref_put(&m->ref))
        return;
    assert(!m->ns && list_empty(&m->children));
    prefix_changed(vfs_of(m->sb->arena));
    struct superblock *sb = m->sb;
    dentry_put(m->root);
    if (atomic_fetch_sub_explicit(&sb->mounts, 1, memory_order_acq_rel) == 1) {
        dcache_drop_sb(sb);
        if (sb->ops->unmounted)
            sb->ops->unmounted(sb);
    }
    arena_free(m->source);
    slab_free(m);
    superblock_put(sb);
}

/* ---- finding ---- */

static uint64_t place_hash(const struct mount *mnt, const struct dentry *point)
{
    return hash_pair((uintptr_t)mnt, (uintptr_t)point);
}

struct mount *mount_find_locked(struct vfs *v, const struct mount *mnt, const struct dentry *point)
{
    struct mount *m;

    htab_for_each (m, &v->mounts, place_hash(mnt, point), node)
        if (m->parent == mnt && m->point == point)
            return m;
    return NULL;
}

struct mount *mount_find(struct mount *mnt, struct dentry *point)
{
    struct vfs *v = vfs_of(mnt->sb->arena);

    mutex_lock(&v->mounts_lock);
    struct mount *m = mount_find_locked(v, mnt, point);
    if (m)
        mount_get(m);
    mutex_unlock(&v->mounts_lock);
    return m;
}

void path_follow_mounts(struct path *p)
{
    while (unlikely(atomic_load_explicit(&p->dentry->mounts, memory_order_acquire) != 0)) {
        struct mount *m = mount_find(p->mnt, p->dentry);
        if (!m)
            return;
        struct path up = { m, dentry_get(m->root) };
        path_put(p);
        *p = up;
    }
}

bool path_follow_up(struct path *p)
{
    struct vfs *v = vfs_of(p->mnt->sb->arena);
    struct path up = { 0 };

    mutex_lock(&v->mounts_lock);
    if (p->mnt->parent)
        up = (struct path){ mount_get(p->mnt->parent), dentry_get(p->mnt->point) };
    mutex_unlock(&v->mounts_lock);
    if (!up.mnt)
        return false;
    path_put(p);
    *p = up;
    return true;
}

bool mount_is_point(const struct mount *mnt, struct dentry *d)
{
    struct vfs *v = vfs_of(mnt->sb->arena);
    bool is = false;
    struct mount *m;

    if (atomic_load_explicit(&d->mounts, memory_order_acquire) == 0)
        return false;
    mutex_lock(&v->mounts_lock);
    if (mnt->ns)
        list_for_each (m, &mnt->ns->mounts, ns_node)
            is |= m->point == d;
    mutex_unlock(&v->mounts_lock);
    return is;
}

struct mount *mount_next_locked(struct mount *m, const struct mount *top)
{
    if (!list_empty(&m->children))
        return list_first(&m->children, struct mount, sibling);
    while (m != top) {
        struct mount *next = list_next(&m->parent->children, m, sibling);
        if (next)
            return next;
        m = m->parent;
    }
    return NULL;
}

bool mount_is_attached(const struct mount *m)
{
    struct vfs *v = vfs_of(m->sb->arena);

    mutex_lock(&v->mounts_lock);
    bool is = m->ns != NULL;
    mutex_unlock(&v->mounts_lock);
    return is;
}

/* ---- hanging and taking off ---- */

void mount_link_locked(struct mount *m, struct mount *parent, struct dentry *point,
                       struct mnt_ns *ns)
{
    struct vfs *v = vfs_of(m->sb->arena);

    if (parent) {
        m->parent = parent;
        m->point = dentry_get(point);
        atomic_fetch_add_explicit(&point->mounts, 1, memory_order_release);
        htab_insert(&v->mounts, &m->node, place_hash(parent, point));
        list_push_back(&parent->children, &m->sibling);
    }
    if (ns && m->ns != ns) {
        m->ns = ns;
        list_push_back(&ns->mounts, &m->ns_node);
        ns->nmounts++;
        v->nmounts++;
    }
    atomic_fetch_add_explicit(&v->moves, 1, memory_order_release);
    prefix_changed(v);
}

void mount_unlink_locked(struct mount *m, struct dentry **point)
{
    struct vfs *v = vfs_of(m->sb->arena);

    *point = NULL;
    if (m->parent) {
        htab_remove(&v->mounts, &m->node);
        list_del(&m->sibling);
        atomic_fetch_sub_explicit(&m->point->mounts, 1, memory_order_release);
        *point = m->point;
        m->point = NULL;
        m->parent = NULL;
    }
    atomic_fetch_add_explicit(&v->moves, 1, memory_order_release);
    prefix_changed(v);
}

void mount_take_off_locked(struct mount *m, struct dentry **point)
{
    mount_unlink_locked(m, point);
    mount_leave_group_locked(m);
    if (m->ns) {
        list_del(&m->ns_node);
        m->ns->nmounts--;
        vfs_of(m->sb->arena)->nmounts--;
        m->ns = NULL;
    }
}

/* One that nothing is mounted on, at or below `top`; out of the tree, given. NULL where all are
 * gone. */
static struct mount *take_leaf(struct vfs *v, struct mount *top, struct dentry **point)
{
    struct mount *m = top;

    mutex_lock(&v->mounts_lock);
    while (!list_empty(&m->children))
        m = list_first(&m->children, struct mount, sibling);
    mount_take_off_locked(m, point);
    mutex_unlock(&v->mounts_lock);
    return m;
}

void mount_take_down(struct mount *top)
{
    struct vfs *v = vfs_of(top->sb->arena);
    struct mount *m;

    do {
        struct dentry *point;
        m = take_leaf(v, top, &point);
        dentry_put(point);
        /* The last of them, and all of them: none is shown any more, so none is kept again. */
        if (m == top)
            prefix_drop_all(v);
        mount_put(m);
    } while (m != top);
}

unsigned long mount_flags(const struct mount *m)
{
    return atomic_load_explicit(&((struct mount *)m)->flags, memory_order_relaxed);
}

int mount_want_write(const struct mount *m)
{
    if (mount_flags(m) & MS_RDONLY || superblock_flags(m->sb) & SB_RDONLY)
        return -EROFS;
    return 0;
}

struct superblock *mount_sb(const struct mount *m)
{
    return m->sb;
}

uint64_t mount_id(const struct mount *m)
{
    return m->id;
}

bool mount_is_root(const struct mount *m, const struct dentry *d)
{
    return m->root == d;
}

int mount_find_dev(struct mnt_ns *ns, uint64_t dev, struct superblock **out)
{
    struct vfs *v = vfs_of(ns->arena);
    struct mount *m;

    *out = NULL;
    mutex_lock(&v->mounts_lock);
    list_for_each (m, &ns->mounts, ns_node)
        if (m->sb->dev == dev && !*out)
            *out = superblock_get(m->sb);
    mutex_unlock(&v->mounts_lock);
    return *out ? 0 : -EINVAL;
}
