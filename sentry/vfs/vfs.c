/* SPDX-License-Identifier: Apache-2.0 */
/* Birth of vfs, and what it is told by those above. */
#include "sentry/vfs/vfs.h"

#include "sentry/core/rng.h"
#include "sentry/core/slab.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs_priv.h"

static const struct slab_type vfs_slab =
    SLAB_TYPE(vfs, struct vfs,
              .const_ptrs = { PTR_AT(struct vfs, special), PTR_AT(struct vfs, hooks),
                              PTR_AT(struct vfs, types) });

int vfs_create(struct arena *a)
{
    struct vfs *v = slab_alloc(a, &vfs_slab);

    if (!v)
        return -ENOMEM;
    v->arena = a;
    v->name_seed = rng_u64(a);
    v->next_mount_id = 1;
    v->next_group = 1;
    mutex_init(&v->dcache_lock, RANK_DCACHE);
    mutex_init(&v->mounts_lock, RANK_MOUNTS);
    mutex_init(&v->waits_lock, RANK_FILELOCK);
    list_init(&v->waits);
    list_init(&v->lru);
    htab_init(&v->mounts, v->mount_buckets, VFS_MOUNT_BUCKETS);
    arena_set_root(a, ROOT_VFS, v);
    int err = prefixes_create(v);
    if (!err)
        err = anon_create(v);
    if (err) {
        arena_free(v->prefixes);
        arena_set_root(a, ROOT_VFS, NULL);
        slab_free(v);
    }
    return err;
}

void vfs_destroy(struct arena *a)
{
    struct vfs *v = vfs_of(a);

    mount_put(v->internal);
    superblock_put(v->anon);
    prefixes_destroy(v);
    arena_set_root(a, ROOT_VFS, NULL);
    slab_free(v);
}

void vfs_set_special_opens(struct arena *a, const struct special_opens *s)
{
    vfs_of(a)->special = s;
}

void vfs_set_hooks(struct arena *a, const struct vfs_hooks *h)
{
    vfs_of(a)->hooks = h;
}

void vfs_set_fs_types(struct arena *a, const struct fs_type *types, size_t n)
{
    vfs_of(a)->types = types;
    vfs_of(a)->ntypes = n;
}

const struct fs_type *vfs_fs_types(struct arena *a, size_t *n)
{
    *n = vfs_of(a)->ntypes;
    return vfs_of(a)->types;
}

void vfs_watches_changed(struct arena *a, int by)
{
    atomic_fetch_add_explicit(&vfs_of(a)->watches, (uint32_t)by, memory_order_relaxed);
}

static bool somebody_watches(const struct vfs *v)
{
    return unlikely(atomic_load_explicit(&v->watches, memory_order_relaxed) != 0);
}

void vfs_event(struct dentry *at, uint32_t mask)
{
    struct vfs *v = vfs_of(arena_of(at));

    if (somebody_watches(v) && v->hooks && v->hooks->event)
        v->hooks->event(at, mask, 0);
}

void vfs_name_event(struct inode *dir, const char *name, bool is_dir, uint32_t mask,
                    uint32_t cookie)
{
    struct vfs *v = vfs_of(dir->sb->arena);

    if (somebody_watches(v) && v->hooks && v->hooks->name_event)
        v->hooks->name_event(dir, name, is_dir, mask, cookie);
}

uint32_t vfs_event_cookie(struct arena *a)
{
    return atomic_fetch_add_explicit(&vfs_of(a)->next_cookie, 1, memory_order_relaxed) + 1;
}
