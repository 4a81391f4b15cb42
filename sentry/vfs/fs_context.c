/* SPDX-License-Identifier: Apache-2.0 */
/* What a process has of the tree: its root, its working directory, its umask. */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/walk.h"

/* [I] never changes   [a] atomic   [l] under lock */
struct fs_context {
    struct ref ref;
    struct mutex lock;     /* RANK_FS */
    struct path root, cwd; /* [l] references */
    struct mnt_ns *ns;     /* [l] a reference */
    _Atomic uint32_t umask;
};

static const struct slab_type fs_context_slab = SLAB_TYPE(fs_context, struct fs_context);

int fs_context_create(struct arena *a, const struct path *root, struct mnt_ns *ns,
                      struct fs_context **out)
{
    struct fs_context *fs = slab_alloc(a, &fs_context_slab);

    if (!fs)
        return -ENOMEM;
    ref_init(&fs->ref);
    mutex_init(&fs->lock, RANK_FS);
    path_get(root, &fs->root);
    path_get(root, &fs->cwd);
    fs->ns = mnt_ns_get(ns);
    atomic_init(&fs->umask, 022);
    *out = fs;
    return 0;
}

int fs_context_copy(struct fs_context *fs, struct fs_context **out)
{
    struct fs_context *copy = slab_alloc(arena_of(fs), &fs_context_slab);

    if (!copy)
        return -ENOMEM;
    ref_init(&copy->ref);
    mutex_init(&copy->lock, RANK_FS);
    atomic_init(&copy->umask, fs_context_umask(fs));
    mutex_lock(&fs->lock);
    path_get(&fs->root, &copy->root);
    path_get(&fs->cwd, &copy->cwd);
    copy->ns = mnt_ns_get(fs->ns);
    mutex_unlock(&fs->lock);
    *out = copy;
    return 0;
}

struct fs_context *fs_context_get(struct fs_context *fs)
{
    ref_get(&fs->ref);
    return fs;
}

void fs_context_put(struct fs_context *fs)
{
    if (!fs || !ref_put(&fs->ref))
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    mnt_ns_put(fs->ns);
    slab_free(fs);
}

bool fs_context_is_shared(const struct fs_context *fs)
{
    return ref_count(&fs->ref) > 1;
}

void fs_context_root(struct fs_context *fs, struct path *out)
{
    mutex_lock(&fs->lock);
    path_get(&fs->root, out);
    mutex_unlock(&fs->lock);
}

void fs_context_cwd(struct fs_context *fs, struct path *out)
{
    mutex_lock(&fs->lock);
    path_get(&fs->cwd, out);
    mutex_unlock(&fs->lock);
}

bool fs_context_peek(struct fs_context *fs, struct path *root, struct path *cwd)
{
    mutex_lock(&fs->lock);
    *root = fs->root;
    *cwd = fs->cwd;
    bool keeps = prefix_may_cross(dentry_inode(fs->root.dentry)->sb);
    mutex_unlock(&fs->lock);
    return keeps;
}

/* Puts `p` in the place of `slot`; the old one is put outside the lock. */
static void replace(struct fs_context *fs, struct path *slot, const struct path *p)
{
    struct path fresh, old;

    path_get(p, &fresh);
    mutex_lock(&fs->lock);
    old = *slot;
    *slot = fresh;
    mutex_unlock(&fs->lock);
    path_put(&old);
}

void fs_context_set_root(struct fs_context *fs, const struct path *p)
{
    replace(fs, &fs->root, p);
}

void fs_context_set_cwd(struct fs_context *fs, const struct path *p)
{
    replace(fs, &fs->cwd, p);
}

static bool path_is(const struct path *a, const struct path *b)
{
    return a->mnt == b->mnt && a->dentry == b->dentry;
}

void fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to)
{
    struct path root, cwd;

    fs_context_root(fs, &root);
    fs_context_cwd(fs, &cwd);
    if (path_is(&root, from))
        fs_context_set_root(fs, to);
    if (path_is(&cwd, from))
        fs_context_set_cwd(fs, to);
    path_put(&root);
    path_put(&cwd);
}

uint32_t fs_context_umask(const struct fs_context *fs)
{
    return atomic_load_explicit(&((struct fs_context *)fs)->umask, memory_order_relaxed);
}

uint32_t fs_context_set_umask(struct fs_context *fs, uint32_t mask)
{
    return atomic_exchange_explicit(&fs->umask, mask & 0777, memory_order_relaxed);
}

struct mnt_ns *fs_context_mnt_ns(struct fs_context *fs)
{
    return fs->ns;
}

void fs_context_set_mnt_ns(struct fs_context *fs, struct mnt_ns *ns)
{
    mnt_ns_get(ns);
    mutex_lock(&fs->lock);
    struct mnt_ns *old = fs->ns;
    fs->ns = ns;
    mutex_unlock(&fs->lock);
    mnt_ns_put(old);
}
