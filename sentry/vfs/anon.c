/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of what has no name: eventfds, pipes, sockets. */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/vfs_priv.h"

#define ANON_MAGIC 0x09041934u /* ANON_INODE_FS_MAGIC */

static const struct slab_type anon_sb_slab =
    SLAB_TYPE(superblock, struct superblock,
              .const_ptrs = { PTR_AT(struct superblock, ops), PTR_AT(struct superblock, type) });
static const struct slab_type anon_inode_slab =
    SLAB_TYPE(anon_inode, struct inode, .const_ptrs = { PTR_AT(struct inode, ops) });

static void anon_sb_release(struct superblock *sb)
{
    slab_free(sb);
}

static const struct superblock_ops anon_sb_ops = { .release = anon_sb_release };

static int anon_setattr(struct inode *i, const struct attr_change *c, const struct actor *who)
{
    (void)who;
    if (c->which & ATTR_SIZE)
        return -EINVAL;
    inode_setattr_generic(i, c);
    return 0;
}

static void anon_release(struct inode *i)
{
    inode_destroy(i);
    slab_free(i);
}

static const struct inode_ops anon_inode_ops = {
    .setattr = anon_setattr,
    .release = anon_release,
};

int anon_create(struct vfs *v)
{
    struct superblock *sb = slab_alloc(v->arena, &anon_sb_slab);

    if (!sb)
        return -ENOMEM;
    superblock_init(sb, v->arena, &anon_sb_ops, "anon_inodefs", ANON_MAGIC,
                    SB_NOCACHE | SB_NOATIME);
    v->anon = sb;
    return 0;
}

int anon_inode_create(struct arena *a, uint32_t mode, struct inode **out)
{
    struct vfs *v = vfs_of(a);
    struct inode *i = slab_alloc(a, &anon_inode_slab);

    if (!i)
        return -ENOMEM;
    uint32_t ino = atomic_fetch_add_explicit(&v->next_ino, 1, memory_order_relaxed) + 1;
    inode_init(i, v->anon, &anon_inode_ops, ino, mode, 0, 0);
    *out = i;
    return 0;
}

struct superblock *anon_superblock(struct arena *a)
{
    return vfs_of(a)->anon;
}
