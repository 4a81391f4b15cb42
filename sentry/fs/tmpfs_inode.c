/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes of a tmpfs: what all kinds of them share. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sentry/core/slab.h"
#include "sentry/fs/tmpfs_priv.h"
#include "sentry/vfs/perm.h"

static const struct slab_type tmpfs_inode_slab = SLAB_TYPE(
    tmpfs_inode, struct tmpfs_inode,
    .const_ptrs = { PTR_AT(struct tmpfs_inode, inode.ops), PTR_AT(struct tmpfs_inode, map.ops) });

static int take_inode(struct tmpfs *fs)
{
    uint64_t max = atomic_load_explicit(&fs->max_inodes, memory_order_relaxed);
    uint64_t was = atomic_fetch_add_explicit(&fs->inodes, 1, memory_order_relaxed);

    if (max == 0 || was < max)
        return 0;
    atomic_fetch_sub_explicit(&fs->inodes, 1, memory_order_relaxed);
    return -ENOSPC;
}

static const struct inode_ops *ops_of(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return &tmpfs_dir_ops;
    case S_IFREG:
        return &tmpfs_file_inode_ops;
    case S_IFLNK:
        return &tmpfs_link_ops;
    }
    return &tmpfs_special_ops;
}

int tmpfs_inode_new(struct tmpfs *fs, const struct inode *dir, uint32_t mode, uint64_t rdev,
                    const struct actor *who, struct tmpfs_inode **out)
{
    uint32_t uid = who ? who->cred->fsuid : 0, gid = who ? who->cred->fsgid : 0;
    int err = take_inode(fs);

    if (err)
        return err;
    struct tmpfs_inode *ti = slab_alloc(fs->sb.arena, &tmpfs_inode_slab);
    if (!ti) {
        atomic_fetch_sub_explicit(&fs->inodes, 1, memory_order_relaxed);
        return -ENOMEM;
    }
    if (dir)
        perm_new_inode(dir, &mode, who, &uid, &gid);
    uint64_t ino = atomic_fetch_add_explicit(&fs->next_ino, 1, memory_order_relaxed) + 1;
    inode_init(&ti->inode, &fs->sb, ops_of(mode), ino, mode, uid, gid);
    ti->inode.attr.nlink = 0;
    ti->inode.attr.rdev = rdev;
    xattrs_init(&ti->xattrs);
    mappable_init(&ti->map, &tmpfs_map_ops, fs->sb.dev, ino);
    if (S_ISREG(mode))
        ti->data.seals = F_SEAL_SEAL;
    *out = ti;
    return 0;
}

void tmpfs_release(struct inode *i)
{
    struct tmpfs_inode *ti = tmpfs_inode_of(i);
    struct tmpfs *fs = tmpfs_of(i);

    if (inode_is(i, S_IFDIR)) {
        tmpfs_dir_destroy(ti);
    } else if (inode_is(i, S_IFREG)) {
        uint64_t freed = page_tree_cut(&ti->data.pages, fs->sb.arena, 0, PAGE_INDEX_NONE);
        atomic_fetch_sub_explicit(&fs->blocks, freed, memory_order_relaxed);
    } else if (inode_is(i, S_IFLNK)) {
        arena_free(ti->target);
    }
    xattrs_destroy(&ti->xattrs);
    atomic_fetch_sub_explicit(&fs->inodes, 1, memory_order_relaxed);
    inode_destroy(i);
    slab_free(ti);
}

/* Errors: EPERM where it is sealed whether the file may be run. */
static int set_locked(struct inode *i, const struct attr_change *c, struct timespec now)
    HOLDS(i->lock);
static int set_locked(struct inode *i, const struct attr_change *c, struct timespec now)
{
    if (c->which & ATTR_MODE && inode_is(i, S_IFREG) &&
        tmpfs_inode_of(i)->data.seals & TMPFS_SEAL_EXEC && (c->mode ^ inode_mode(i)) & 0111)
        return -EPERM;
    inode_setattr_locked(i, c, now);
    return 0;
}

int tmpfs_setattr(struct inode *i, const struct attr_change *c, const struct actor *who)
{
    struct timespec now = inode_now(i);

    (void)who;
    if (c->which & ATTR_SIZE) {
        if (!inode_is(i, S_IFREG))
            return -EINVAL;
        int err = tmpfs_resize(tmpfs_inode_of(i), c->size);
        if (err)
            return err;
    }
    mutex_lock(&i->lock);
    int err = set_locked(i, c, now);
    mutex_unlock(&i->lock);
    return err;
}

ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
    mutex_lock(&i->lock);
    ssize_t n = xattrs_get(&tmpfs_inode_of(i)->xattrs, name, buf, size);
    mutex_unlock(&i->lock);
    return n;
}

int tmpfs_setxattr(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
    mutex_lock(&i->lock);
    int err = xattrs_set(&tmpfs_inode_of(i)->xattrs, i->sb->arena, name, value, size, flags);
    mutex_unlock(&i->lock);
    if (!err)
        inode_touch(i, 0);
    return err;
}

ssize_t tmpfs_listxattr(struct inode *i, char *buf, size_t size)
{
    mutex_lock(&i->lock);
    ssize_t n = xattrs_list(&tmpfs_inode_of(i)->xattrs, buf, size);
    mutex_unlock(&i->lock);
    return n;
}

int tmpfs_removexattr(struct inode *i, const char *name)
{
    mutex_lock(&i->lock);
    int err = xattrs_remove(&tmpfs_inode_of(i)->xattrs, name);
    mutex_unlock(&i->lock);
    if (!err)
        inode_touch(i, 0);
    return err;
}

static ssize_t tmpfs_readlink(struct inode *i, const struct actor *who, char *buf, size_t size)
{
    size_t n = min((size_t)i->attr.size, size);

    (void)who;
    memcpy(buf, tmpfs_inode_of(i)->target, n);
    return (ssize_t)n;
}

static int tmpfs_file_getattr(struct inode *i, struct attr *out)
{
    inode_getattr_generic(i, out);
    out->blocks = page_tree_count(&tmpfs_inode_of(i)->data.pages) * (PAGE_SIZE / 512);
    return 0;
}

const struct inode_ops tmpfs_file_inode_ops = {
    .getattr = tmpfs_file_getattr,
    .open = tmpfs_open_file,
    TMPFS_COMMON_OPS,
};

const struct inode_ops tmpfs_link_ops = {
    .readlink = tmpfs_readlink,
    TMPFS_COMMON_OPS,
};

const struct inode_ops tmpfs_special_ops = { TMPFS_COMMON_OPS };
