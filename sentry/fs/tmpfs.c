/* SPDX-License-Identifier: Apache-2.0 */
/* One tmpfs: its limits, its birth and its end. */
#include "sentry/fs/tmpfs.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>

#include "sentry/core/rng.h"
#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs_priv.h"
#include "sentry/vfs/dentry.h"

static const struct slab_type tmpfs_slab =
    SLAB_TYPE(tmpfs, struct tmpfs,
              .const_ptrs = { PTR_AT(struct tmpfs, sb.ops), PTR_AT(struct tmpfs, sb.type) });

static struct tmpfs *of(struct superblock *sb)
{
    return container_of(sb, struct tmpfs, sb);
}

static int tmpfs_statfs(struct superblock *sb, struct statfs *out)
{
    struct tmpfs *fs = of(sb);
    uint64_t blocks = atomic_load_explicit(&fs->max_blocks, memory_order_relaxed);
    uint64_t inodes = atomic_load_explicit(&fs->max_inodes, memory_order_relaxed);
    uint64_t used = atomic_load_explicit(&fs->blocks, memory_order_relaxed);
    uint64_t files = atomic_load_explicit(&fs->inodes, memory_order_relaxed);

    if (blocks > 0) {
        out->f_blocks = blocks;
        out->f_bfree = out->f_bavail = blocks > used ? blocks - used : 0;
    }
    if (inodes > 0) {
        out->f_files = inodes;
        out->f_ffree = inodes > files ? inodes - files : 0;
    }
    return 0;
}

static void tmpfs_show_options(struct superblock *sb, char *buf, size_t size)
{
    struct tmpfs *fs = of(sb);
    uint64_t blocks = atomic_load_explicit(&fs->max_blocks, memory_order_relaxed);
    uint64_t inodes = atomic_load_explicit(&fs->max_inodes, memory_order_relaxed);
    int n = 0;

    *buf = '\0';
    if (blocks > 0)
        n = snprintf(buf, size, ",size=%luk", (unsigned long)(blocks * (PAGE_SIZE / 1024)));
    if (inodes > 0 && n >= 0 && (size_t)n < size)
        snprintf(buf + n, size - (size_t)n, ",nr_inodes=%lu", (unsigned long)inodes);
}

static int tmpfs_reconfigure(struct superblock *sb, const char *options, const struct actor *who)
{
    struct tmpfs *fs = of(sb);
    struct tmpfs_options o = { 0 };
    int err = tmpfs_parse_options(options, ram_total(sb->arena), who->cred->user_ns, &o);

    if (err)
        return err;
    /* As in Linux: no limit may be set below what is used, nor where there was none. */
    if (o.has_blocks && o.max_blocks > 0 &&
        (o.max_blocks < atomic_load_explicit(&fs->blocks, memory_order_relaxed) ||
         atomic_load_explicit(&fs->max_blocks, memory_order_relaxed) == 0))
        return -EINVAL;
    if (o.has_inodes && o.max_inodes > 0 &&
        (o.max_inodes < atomic_load_explicit(&fs->inodes, memory_order_relaxed) ||
         atomic_load_explicit(&fs->max_inodes, memory_order_relaxed) == 0))
        return -EINVAL;
    if (o.has_blocks)
        atomic_store_explicit(&fs->max_blocks, o.max_blocks, memory_order_relaxed);
    if (o.has_inodes)
        atomic_store_explicit(&fs->max_inodes, o.max_inodes, memory_order_relaxed);
    return 0;
}

static void tmpfs_sb_release(struct superblock *sb)
{
    slab_free(of(sb));
}

static const struct superblock_ops tmpfs_sb_ops = {
    .statfs = tmpfs_statfs,
    .show_options = tmpfs_show_options,
    .reconfigure = tmpfs_reconfigure,
    .release = tmpfs_sb_release,
};

static int make_root(struct tmpfs *fs, const struct tmpfs_options *o, const struct actor *who,
                     struct dentry **out)
{
    struct tmpfs_inode *root;
    int err = tmpfs_inode_new(fs, NULL, S_IFDIR | o->mode, 0, who, &root);

    if (err)
        return err;
    root->inode.attr.uid = o->uid;
    root->inode.attr.gid = o->gid;
    root->inode.attr.nlink = 2;
    return dentry_create_root(&root->inode, out);
}

int tmpfs_create_as(struct arena *a, const char *type, uint32_t magic, const char *options,
                    const struct actor *who, struct dentry **out)
{
    uint64_t ram = ram_total(a);
    struct tmpfs_options o = {
        .max_blocks = ram / PAGE_SIZE / 2,
        .max_inodes = ram / PAGE_SIZE / 2,
        .mode = 01777,
        .uid = who->cred->fsuid,
        .gid = who->cred->fsgid,
    };
    int err = tmpfs_parse_options(options, ram, who->cred->user_ns, &o);
    if (err)
        return err;
    struct tmpfs *fs = slab_alloc(a, &tmpfs_slab);
    if (!fs)
        return -ENOMEM;
    superblock_init(&fs->sb, a, &tmpfs_sb_ops, type, magic, SB_CACHE);
    mutex_init(&fs->names, RANK_DENTRY);
    fs->name_seed = rng_u64(a);
    atomic_init(&fs->max_blocks, o.max_blocks);
    atomic_init(&fs->max_inodes, o.max_inodes);
    err = make_root(fs, &o, who, out);
    superblock_put(&fs->sb); /* the root's inode has one of its own */
    return err;
}

int tmpfs_create(struct arena *a, const char *source, const char *options, const struct actor *who,
                 struct dentry **out)
{
    (void)source;
    return tmpfs_create_as(a, "tmpfs", TMPFS_MAGIC, options, who, out);
}

int tmpfs_create_unnamed(struct dentry *root, uint32_t mode, unsigned seals,
                         const struct actor *who, struct inode **out)
{
    struct tmpfs_inode *ti;
    int err = tmpfs_inode_new(tmpfs_of(dentry_inode(root)), NULL, S_IFREG | mode, 0, who, &ti);

    if (err)
        return err;
    ti->data.seals = seals;
    *out = &ti->inode;
    return 0;
}
