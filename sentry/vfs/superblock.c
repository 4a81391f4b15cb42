/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/superblock.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sentry/vfs/vfs_priv.h"

void superblock_init(struct superblock *sb, struct arena *a, const struct superblock_ops *ops,
                     const char *type, uint32_t magic, uint32_t flags)
{
    struct vfs *v = vfs_of(a);
    uint32_t n = atomic_fetch_add_explicit(&v->next_dev, 1, memory_order_relaxed) + 1;

    ref_init(&sb->ref);
    sb->arena = a;
    sb->ops = ops;
    sb->type = type;
    sb->magic = magic;
    sb->dev = makedev(0, n);
    atomic_init(&sb->flags, flags);
    mutex_init(&sb->tree, RANK_RENAME);
}

int superblock_set_origin(struct superblock *sb, const struct superblock_origin *o)
{
    sb->origin = arena_strndup(sb->arena, o->root, strlen(o->root));
    sb->origin_type = arena_strndup(sb->arena, o->type, strlen(o->type));
    sb->origin_options = arena_strndup(sb->arena, o->options, strlen(o->options));
    return sb->origin && sb->origin_type && sb->origin_options ? 0 : -ENOMEM;
}

struct superblock *superblock_get(struct superblock *sb)
{
    ref_get(&sb->ref);
    return sb;
}

void superblock_put(struct superblock *sb)
{
    if (!sb || !ref_put(&sb->ref))
        return;
    arena_free(sb->origin);
    arena_free(sb->origin_type);
    arena_free(sb->origin_options);
    sb->ops->release(sb);
}

int superblock_statfs(struct superblock *sb, struct statfs *out)
{
    *out = (struct statfs){ .f_bsize = PAGE_SIZE, .f_namelen = 255 };
    int err = sb->ops->statfs ? sb->ops->statfs(sb, out) : 0;
    if (err)
        return err;
    out->f_type = sb->magic;
    if (out->f_frsize == 0)
        out->f_frsize = out->f_bsize;
    out->f_fsid.__val[0] = (int)sb->dev;
    return 0;
}

int superblock_sync(struct superblock *sb)
{
    return sb->ops->sync ? sb->ops->sync(sb) : 0;
}
