/* SPDX-License-Identifier: Apache-2.0 */
/* The common part of inodes: birth and death, attributes, who writes. */
#include "sentry/vfs/inode.h"

#include <errno.h>

#include "base/clock.h"
#include "sentry/vfs/filelock.h"
#include "sentry/vfs/vfs_priv.h"

void inode_init(struct inode *i, struct superblock *sb, const struct inode_ops *ops, uint64_t ino,
                uint32_t mode, uint32_t uid, uint32_t gid)
{
    ref_init(&i->ref);
    i->ops = ops;
    i->sb = superblock_get(sb);
    mutex_init(&i->lock, RANK_INODE);
    struct timespec now = inode_now(i);
    i->attr = (struct attr){
        .mode = mode,
        .uid = uid,
        .gid = gid,
        .nlink = 1,
        .ino = ino,
        .dev = sb->dev,
        .blksize = (uint32_t)PAGE_SIZE,
        .atime = now,
        .mtime = now,
        .ctime = now,
        .btime = now,
    };
}

struct inode *inode_get(struct inode *i)
{
    ref_get(&i->ref);
    return i;
}

void inode_put(struct inode *i)
{
    if (i && ref_put(&i->ref))
        i->ops->release(i);
}

void inode_destroy(struct inode *i)
{
    struct vfs *v = vfs_of(i->sb->arena);

    if (atomic_load_explicit(&i->watches, memory_order_relaxed) && v->hooks && v->hooks->inode_gone)
        v->hooks->inode_gone(i);
    file_locks_destroy(atomic_load_explicit(&i->locks, memory_order_relaxed));
    superblock_put(keep(i->sb));
}

struct timespec inode_now(const struct inode *i)
{
    const struct clock *c = arena_host(i->sb->arena, HOST_CLOCK);

    return nsec_to_timespec(clock_now(c, CLOCK_ID_COARSE)); /* as current_time() of Linux */
}

int inode_getattr_generic(struct inode *i, struct attr *out)
{
    mutex_lock(&i->lock);
    *out = i->attr;
    mutex_unlock(&i->lock);
    return 0;
}

int inode_getattr(struct inode *i, struct attr *out)
{
    if (!i->ops->getattr)
        return inode_getattr_generic(i, out);
    return i->ops->getattr(i, out);
}

void inode_setattr_locked(struct inode *i, const struct attr_change *c, struct timespec now)
{
    /* Single words, read without the lock by perm.c. */
    if (c->which & ATTR_UID)
        __atomic_store_n(&i->attr.uid, c->uid, __ATOMIC_RELAXED);
    if (c->which & ATTR_GID)
        __atomic_store_n(&i->attr.gid, c->gid, __ATOMIC_RELAXED);
    if (c->which & ATTR_MODE)
        __atomic_store_n(&i->attr.mode, (i->attr.mode & S_IFMT) | (c->mode & 07777),
                         __ATOMIC_RELAXED);
    if (c->which & ATTR_ATIME)
        i->attr.atime = c->which & ATTR_ATIME_NOW ? now : c->atime;
    if (c->which & ATTR_MTIME)
        i->attr.mtime = c->which & ATTR_MTIME_NOW ? now : c->mtime;
    i->attr.ctime = now;
}

void inode_setattr_generic(struct inode *i, const struct attr_change *c)
{
    struct timespec now = inode_now(i);

    mutex_lock(&i->lock);
    inode_setattr_locked(i, c, now);
    mutex_unlock(&i->lock);
}

void inode_touch(struct inode *i, unsigned which)
{
    struct timespec now = inode_now(i);

    mutex_lock(&i->lock);
    if (which & ATTR_ATIME)
        i->attr.atime = now;
    if (which & ATTR_MTIME)
        i->attr.mtime = now;
    if (!(which & ATTR_ATIME) || which & ATTR_MTIME)
        i->attr.ctime = now;
    mutex_unlock(&i->lock);
}

/* Moves `writers` by one in the direction `by` unless it stands on the other side of zero. */
static int join_writers(struct inode *i, int32_t by)
{
    int32_t n = atomic_load_explicit(&i->writers, memory_order_relaxed);

    do {
        if (by > 0 ? n < 0 : n > 0)
            return -ETXTBSY;
    } while (!atomic_compare_exchange_weak_explicit(&i->writers, &n, n + by, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return 0;
}

int inode_get_write(struct inode *i)
{
    int err = join_writers(i, 1);

    if (!err)
        atomic_fetch_add_explicit(&i->sb->writers, 1, memory_order_relaxed);
    return err;
}

void inode_put_write(struct inode *i)
{
    atomic_fetch_sub_explicit(&i->sb->writers, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&i->writers, 1, memory_order_acq_rel);
}

int inode_deny_write(struct inode *i)
{
    return join_writers(i, -1);
}

void inode_allow_write(struct inode *i)
{
    atomic_fetch_add_explicit(&i->writers, 1, memory_order_acq_rel);
}
