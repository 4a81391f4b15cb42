/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of what has no name: eventfds, pipes, sockets. */
#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount_priv.h"
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

int anon_inode_create(struct arena *a, uint32_t mode, const struct cred *owner, struct inode **out)
{
    struct vfs *v = vfs_of(a);
    struct inode *i = slab_alloc(a, &anon_inode_slab);

    if (!i)
        return -ENOMEM;
    uint32_t ino = atomic_fetch_add_explicit(&v->next_ino, 1, memory_order_relaxed) + 1;
    inode_init(i, v->anon, &anon_inode_ops, ino, mode, owner ? owner->fsuid : 0,
               owner ? owner->fsgid : 0);
    *out = i;
    return 0;
}

struct superblock *anon_superblock(struct arena *a)
{
    return vfs_of(a)->anon;
}

/* The mount that such places are in: of the first that is made, all have a reference. */
static struct mount *anon_mount_get(struct vfs *v)
{
    mutex_lock(&v->mounts_lock);
    struct mount *m = v->anon_mount ? mount_get(v->anon_mount) : NULL;
    mutex_unlock(&v->mounts_lock);
    return m;
}

static int make_anon_mount(struct vfs *v)
{
    struct dentry *root;
    struct inode *inode;
    struct mount *m;
    int err = anon_inode_create(v->arena, S_IFDIR | 0500, NULL, &inode);

    if (!err)
        err = dentry_create_root(inode, &root);
    if (!err)
        err = mount_new(root, "anon_inodefs", 0, &m);
    if (err)
        return err;
    m->internal = true;
    mutex_lock(&v->mounts_lock);
    if (!v->anon_mount)
        v->anon_mount = keep(m);
    mutex_unlock(&v->mounts_lock);
    mount_put(m);
    return 0;
}

int vfs_anon_path(struct inode *inode, struct path *out)
{
    struct vfs *v = vfs_of(inode->sb->arena);
    struct mount *m = anon_mount_get(v);
    struct dentry *d;
    int err = m ? 0 : make_anon_mount(v);

    if (err)
        return err;
    if (!m)
        m = anon_mount_get(v);
    err = dentry_create_root(inode_get(inode), &d);
    if (err) {
        mount_put(m);
        return err;
    }
    *out = (struct path){ m, d };
    return 0;
}
