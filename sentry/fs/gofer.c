/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems, and the table of their inodes: a file of the host is one inode, under
 * however many names it is found, so that all its users share attributes, descriptors
 * and pages. The table is weak: an inode leaves it when it is freed, or when the
 * host has given its number to another file.
 */
#include "sentry/fs/gofer.h"

#include <errno.h>
#include <stdio.h>

#include "sentry/core/buckets.h"
#include "sentry/core/slab.h"
#include "sentry/fs/gofer_priv.h"

#define FIRST_BUCKETS 64

static const struct slab_type gofer_sb_slab =
    SLAB_TYPE(gofer_sb, struct gofer_sb,
              .const_ptrs = { PTR_AT(struct gofer_sb, sb.ops), PTR_AT(struct gofer_sb, sb.type) },
              .host_ptrs = { PTR_AT(struct gofer_sb, client) });
static const struct slab_type gofer_inode_slab = SLAB_TYPE(
    gofer_inode, struct gofer_inode,
    .const_ptrs = { PTR_AT(struct gofer_inode, inode.ops), PTR_AT(struct gofer_inode, map.ops) },
    .host_ptrs = { PTR_AT(struct gofer_inode, view) });

/* ---- the table ---- */

static uint64_t hash_of(uint64_t dev, uint64_t ino)
{
    return hash_pair(dev, ino);
}

/* Is what has this number now still the file that had it when we met it? */
static bool is_same_file(const struct gofer_inode *gi, const struct gofer_attr *attr)
{
    return inode_is(&gi->inode, attr->mode & S_IFMT) && gi->born.tv_sec == attr->btime.tv_sec &&
           gi->born.tv_nsec == attr->btime.tv_nsec;
}

/*
 * Nobody gives numbers away behind our back in an exclusive tree; but there overlayfs may
 * have copied the file up for us, and given it another time of birth.
 */
bool gofer_is_found_again(const struct gofer_inode *gi, const struct gofer_attr *attr)
{
    if (gi->host_dev != attr->dev || gi->host_ino != attr->ino)
        return false;
    return gofer_sb_of(gi)->shared ? is_same_file(gi, attr)
                                   : inode_is(&gi->inode, attr->mode & S_IFMT);
}

static void unhash_locked(struct gofer_sb *sb, struct gofer_inode *gi) HOLDS(sb->lock);
static void unhash_locked(struct gofer_sb *sb, struct gofer_inode *gi)
{
    if (gi->hashed)
        htab_remove(&sb->inodes, &gi->node);
    gi->hashed = false;
}

/* The inode, with a reference, or NULL. */
static struct gofer_inode *find_locked(struct gofer_sb *sb, const struct gofer_attr *attr)
    HOLDS(sb->lock);
static struct gofer_inode *find_locked(struct gofer_sb *sb, const struct gofer_attr *attr)
{
    struct gofer_inode *gi;

    htab_for_each (gi, &sb->inodes, hash_of(attr->dev, attr->ino), node) {
        if (gi->host_dev != attr->dev || gi->host_ino != attr->ino)
            continue;
        if (!is_same_file(gi, attr)) {
            unhash_locked(sb, gi);
            return NULL;
        }
        if (ref_get_unless_zero(&gi->inode.ref))
            return gi;
    }
    return NULL;
}

static struct gofer_inode *find(struct gofer_sb *sb, const struct gofer_attr *attr)
{
    mutex_lock(&sb->lock);
    struct gofer_inode *gi = find_locked(sb, attr);
    mutex_unlock(&sb->lock);
    return gi;
}

static void insert_locked(struct gofer_sb *sb, struct gofer_inode *gi) HOLDS(sb->lock);
static void insert_locked(struct gofer_sb *sb, struct gofer_inode *gi)
{
    bool room = buckets_reserve(sb->sb.arena, &sb->inodes, FIRST_BUCKETS);

    assert(room && "it has had buckets from birth");
    htab_insert(&sb->inodes, &gi->node, hash_of(gi->host_dev, gi->host_ino));
    gi->hashed = true;
}

static struct gofer_inode *inode_new(struct gofer_sb *sb, const struct gofer_attr *attr)
{
    struct gofer_inode *gi = slab_alloc(sb->sb.arena, &gofer_inode_slab);

    if (!gi)
        return NULL;
    inode_init(&gi->inode, &sb->sb, &gofer_inode_ops, gofer_guest_ino(sb, attr->dev, attr->ino),
               attr->mode, attr->uid, attr->gid);
    gi->host_dev = attr->dev;
    gi->host_ino = attr->ino;
    gi->born = attr->btime;
    list_init(&gi->idle);
    list_init(&gi->listed);
    list_init(&gi->windows);
    mappable_init(&gi->map, &gofer_mappable_ops, sb->sb.dev, gi->inode.attr.ino);
    gofer_attr_store(gi, attr);
    return gi;
}

/* What a lookup says of an inode that we know already. */
static void update(struct gofer_sb *sb, struct gofer_inode *gi, const struct gofer_found *found,
                   uint64_t seq)
{
    gofer_handle_adopt(gi, found->handle);
    if (!sb->shared)
        return; /* what we have is as good, and may be newer */
    mutex_lock(&gi->inode.lock);
    if (atomic_load_explicit(&sb->changes, memory_order_acquire) == seq)
        gofer_attr_store(gi, &found->attr);
    else
        gi->stale = gi->owner_stale = true;
    mutex_unlock(&gi->inode.lock);
}

int gofer_intern(struct gofer_sb *sb, const struct gofer_found *found, uint64_t seq,
                 struct gofer_inode **out)
{
    struct gofer_inode *other, *gi = find(sb, &found->attr);

    if (gi) {
        update(sb, gi, found, seq);
        *out = gi;
        return 0;
    }
    gi = inode_new(sb, &found->attr);
    if (!gi) {
        gofer_client_clunk(gofer_sb_client(sb), found->handle);
        return -ENOMEM;
    }
    mutex_lock(&sb->lock);
    other = find_locked(sb, &found->attr);
    if (!other)
        insert_locked(sb, gi);
    mutex_unlock(&sb->lock);
    if (other) {
        inode_put(&gi->inode);
        gi = other;
        update(sb, gi, found, seq);
    } else {
        gofer_handle_adopt(gi, found->handle);
    }
    *out = gi;
    return 0;
}

/* Frees one inode, and gives the one it was found in, whose reference the caller has to put. */
static struct gofer_inode *free_one(struct gofer_inode *gi)
{
    struct gofer_sb *sb = gofer_sb_of(gi);
    struct gofer_inode *parent = gi->parent;

    mutex_lock(&sb->lock);
    unhash_locked(sb, gi);
    mutex_unlock(&sb->lock);
    gofer_client_clunk(gofer_client_of(gi), gi->handle);
    gofer_windows_drop(gi);
    gofer_view_drop(gi);
    gofer_fds_close(gi);
    gofer_list_put(gi->list);
    arena_free(gi->name);
    arena_free(gi->link);
    /* May free the superblock, so nothing of ours comes after it. */
    inode_destroy(&gi->inode);
    slab_free(gi);
    return parent;
}

/* A loop: chains of parents are as long as a guest makes them. */
void gofer_release_op(struct inode *inode)
{
    struct gofer_inode *gi = gofer_inode_of(inode);

    do
        gi = free_one(gi);
    while (gi && ref_put(&gi->inode.ref));
}

/* ---- file systems ---- */

static void sb_release(struct superblock *s)
{
    struct gofer_sb *sb = container_of(s, struct gofer_sb, sb);

    assert(sb->inodes.count == 0);
    arena_free(sb->inodes.buckets);
    gofer_client_put(sb->client);
    slab_free(sb);
}

static void show_options(struct superblock *s, char *buf, size_t size)
{
    struct gofer_sb *sb = container_of(s, struct gofer_sb, sb);

    if (size)
        snprintf(buf, size, ",cache=%s", sb->shared ? "shared" : "exclusive");
}

static const struct superblock_ops sb_ops = {
    .statfs = gofer_statfs_op,
    .show_options = show_options,
    .drop_caches = gofer_drop_caches_op,
    .release = sb_release,
};

static int sb_create(struct arena *a, uint32_t tree, const struct gofer_attached *at,
                     struct gofer_sb **out)
{
    struct gofer_sb *sb = slab_alloc(a, &gofer_sb_slab);
    struct hnode **buckets = arena_alloc(a, FIRST_BUCKETS * sizeof *buckets);
    uint32_t sb_flags = SB_NOATIME;

    if (!sb || !buckets) {
        slab_free(sb);
        arena_free(buckets);
        return -ENOMEM;
    }
    sb->tree = tree;
    sb->read_only = at->flags & GOFER_TREE_RO;
    sb->shared = at->flags & GOFER_TREE_SHARED;
    sb->root_dev = at->root.attr.dev;
    sb_flags |= sb->shared ? SB_REVALIDATE : SB_CACHE;
    sb_flags |= sb->read_only ? SB_RDONLY : 0;
    superblock_init(&sb->sb, a, &sb_ops, "gofer", (uint32_t)at->fs_type, sb_flags);
    htab_init(&sb->inodes, buckets, FIRST_BUCKETS);
    mutex_init(&sb->lock, RANK_GOFER);
    list_init(&sb->idle);
    list_init(&sb->lists);
    *out = sb;
    return 0;
}

int gofer_fs_create(struct arena *a, struct gofer_client *client, uint32_t tree, bool exclusive,
                    struct dentry **out)
{
    struct gofer_client *c = client ? client : arena_host(a, HOST_GOFER);
    struct gofer_attached at;
    struct gofer_sb *sb;
    int err = gofer_attach(c, tree, &at);

    if (err)
        return err;
    if (exclusive)
        at.flags &= ~(uint32_t)GOFER_TREE_SHARED;
    err = sb_create(a, tree, &at, &sb);
    if (err) {
        gofer_client_clunk(c, at.root.handle);
        return err;
    }
    sb->client = client ? gofer_client_get(client) : NULL;
    err = gofer_intern(sb, &at.root, 0, &sb->root);
    if (!err)
        err = dentry_create_root(&sb->root->inode, out);
    superblock_put(&sb->sb);
    return err;
}

int gofer_fs_connect(struct inode *inode, int type, int *out)
{
    struct gofer_inode *gi;
    gofer_handle_t h;

    if (inode->ops != &gofer_inode_ops)
        return -ECONNREFUSED;
    gi = gofer_inode_of(inode);
    return GOFER_RETRY(gi, h, gofer_connect(gofer_client_of(gi), h, type, out));
}
