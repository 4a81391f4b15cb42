/* SPDX-License-Identifier: Apache-2.0 */
/* Mount namespaces: a tree of mounts of one's own. */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/mount_priv.h"
#include "sentry/vfs/vfs_priv.h"

#define NS_FIRST_INO 0xF0000000u /* PROC_DYNAMIC_FIRST: as the numbers of nsfs look */

static const struct slab_type mnt_ns_slab = SLAB_TYPE(mnt_ns, struct mnt_ns);

/* Without mounts yet. */
static struct mnt_ns *ns_new(struct arena *a, struct user_ns *owner)
{
    struct mnt_ns *ns = slab_alloc(a, &mnt_ns_slab);

    if (!ns)
        return NULL;
    ref_init(&ns->ref);
    ns->arena = a;
    ns->owner = user_ns_get(owner);
    ns->ino = NS_FIRST_INO +
              atomic_fetch_add_explicit(&vfs_of(a)->next_ino, 1, memory_order_relaxed) % 0x0fffffff;
    list_init(&ns->mounts);
    return ns;
}

int mnt_ns_create(struct arena *a, struct user_ns *owner, struct dentry *root, const char *source,
                  unsigned long flags, struct mnt_ns **out)
{
    struct vfs *v = vfs_of(a);
    struct mnt_ns *ns = ns_new(a, owner);
    struct mount *m;

    if (!ns) {
        dentry_put(root);
        return -ENOMEM;
    }
    int err = mount_new(root, source, flags, &m);
    if (err) {
        mnt_ns_put(ns);
        return err;
    }
    mutex_lock(&v->mounts_lock);
    mount_link_locked(m, NULL, NULL, ns);
    ns->root = m;
    mutex_unlock(&v->mounts_lock);
    *out = ns;
    return 0;
}

/* What a copy has in the place of `m`: the two trees have one shape. Borrowed. */
static struct mount *twin_locked(struct mount *old, struct mount *fresh, const struct mount *m)
{
    struct mount *p = old, *q = fresh;

    while (p && q && p != m) {
        p = mount_next_locked(p, old);
        q = mount_next_locked(q, fresh);
    }
    return p == m && q && q->root == m->root ? q : NULL;
}

/* `p`, a place in the old tree, given; becomes the same place in the copy. */
static void translate(struct vfs *v, struct mount *old, struct mount *fresh, struct path *p)
{
    mutex_lock(&v->mounts_lock);
    struct mount *q = twin_locked(old, fresh, p->mnt);
    if (q)
        mount_get(q);
    mutex_unlock(&v->mounts_lock);
    if (!q)
        return;
    struct mount *was = p->mnt;
    p->mnt = q;
    mount_put(was);
}

static void settle(struct vfs *v, struct mnt_ns *ns, struct mount *top, bool locked)
{
    mutex_lock(&v->mounts_lock);
    ns->root = top;
    for (struct mount *m = top; m; m = mount_next_locked(m, top)) {
        m->ns = ns;
        m->locked = locked && m != top;
        list_push_back(&ns->mounts, &m->ns_node);
        ns->nmounts++;
        v->nmounts++;
    }
    mutex_unlock(&v->mounts_lock);
}

static void move_fs(struct vfs *v, struct fs_context *fs, struct mount *old, struct mount *fresh,
                    struct mnt_ns *ns)
{
    struct path root, cwd;

    fs_context_root(fs, &root);
    fs_context_cwd(fs, &cwd);
    translate(v, old, fresh, &root);
    translate(v, old, fresh, &cwd);
    fs_context_set_root(fs, &root);
    fs_context_set_cwd(fs, &cwd);
    fs_context_set_mnt_ns(fs, ns);
    path_put(&root);
    path_put(&cwd);
}

int mnt_ns_copy(struct mnt_ns *ns, struct user_ns *owner, struct fs_context *fs,
                struct mnt_ns **out)
{
    struct vfs *v = vfs_of(ns->arena);
    struct mnt_ns *copy = ns_new(ns->arena, owner);
    bool fewer_rights = owner != ns->owner;
    struct mount *top;

    if (!copy)
        return -ENOMEM;
    mutex_lock(&v->mounts_lock);
    struct mount *old = mount_get(ns->root);
    mutex_unlock(&v->mounts_lock);
    int err = mount_clone_tree(old, old->root, fewer_rights, true, &top);
    if (err) {
        mnt_ns_put(copy);
    } else {
        settle(v, copy, top, fewer_rights);
        if (fs)
            move_fs(v, fs, old, top, copy);
        *out = copy;
    }
    mount_put(old);
    return err;
}

struct mnt_ns *mnt_ns_get(struct mnt_ns *ns)
{
    ref_get(&ns->ref);
    return ns;
}

void mnt_ns_put(struct mnt_ns *ns)
{
    if (!ns || !ref_put(&ns->ref))
        return;
    if (ns->root)
        mount_take_down(ns->root);
    user_ns_put(ns->owner);
    slab_free(ns);
}

void mnt_ns_root(struct mnt_ns *ns, struct path *out)
{
    struct vfs *v = vfs_of(ns->arena);

    mutex_lock(&v->mounts_lock);
    *out = (struct path){ mount_get(ns->root), dentry_get(ns->root->root) };
    mutex_unlock(&v->mounts_lock);
    path_follow_mounts(out);
}

uint64_t mnt_ns_ino(const struct mnt_ns *ns)
{
    return ns->ino;
}

struct user_ns *mnt_ns_owner(const struct mnt_ns *ns)
{
    return ns->owner;
}
