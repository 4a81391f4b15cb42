/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes: what the gofer said last, and when to ask again.
 *
 *   exclusive   what we were told is true until we change it. After a change through a
 *               descriptor the attributes are stale; one fstat(2) of that descriptor
 *               mends them, and the gofer is asked only where there is none.
 *               fstat(2) cannot tell us owners (they have other numbers in our user namespace):
 *               where an answer about them was not believed, the gofer is asked in any case.
 *   shared      what a lookup just said is good for one question (stat(2) is a lookup
 *               and a question). An open file is looked at by fstat(2); where its
 *               change time moved, and not by a change of ours, the owners may have changed,
 *               and the gofer is asked.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/host.h"
#include "sentry/fs/gofer_priv.h"

#define TRUST NSEC_PER_MSEC /* how old the answer of a lookup may be that a question uses up */

static nsec_t now_of(const struct gofer_inode *gi)
{
    return clock_now(arena_host(gi->inode.sb->arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);
}

/* Files of other devices in the same tree must not have the numbers of the root's. */
uint64_t gofer_guest_ino(const struct gofer_sb *sb, uint64_t dev, uint64_t ino)
{
    if (dev == sb->root_dev || sb->root_dev == 0)
        return ino;
    return (hash_pair(dev, ino) >> 1) | (UINT64_C(1) << 63);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void set_size(struct gofer_inode *gi, uint64_t size)
{
    gi->inode.attr.size = size;
    atomic_store_explicit(&gi->size, size, memory_order_release);
}

/* Single words that permission checks read without the lock. */
static void store_mode(struct gofer_inode *gi, uint32_t mode)
{
    struct attr *a = &gi->inode.attr;

    __atomic_store_n(&a->mode, (a->mode & S_IFMT) | (mode & 07777), __ATOMIC_RELAXED);
}

static void store_owners(struct gofer_inode *gi, const struct gofer_attr *attr)
{
    __atomic_store_n(&gi->inode.attr.uid, attr->uid, __ATOMIC_RELAXED);
    __atomic_store_n(&gi->inode.attr.gid, attr->gid, __ATOMIC_RELAXED);
    gi->owner_stale = false;
}

void gofer_attr_store(struct gofer_inode *gi, const struct gofer_attr *attr)
{
    struct attr *a = &gi->inode.attr;

    store_mode(gi, attr->mode);
    store_owners(gi, attr);
    a->nlink = attr->nlink;
    a->blksize = attr->blksize;
    a->rdev = attr->rdev;
    a->blocks = attr->blocks;
    a->attributes = attr->attributes;
    a->attributes_mask = attr->attributes_mask;
    a->atime = attr->atime;
    a->mtime = attr->mtime;
    a->ctime = attr->ctime;
    a->btime = attr->btime;
    set_size(gi, attr->size);
    gi->stale = false;
    if (gofer_sb_of(gi)->shared)
        gi->seen = now_of(gi);
}

struct gofer_seq gofer_attr_seq(struct gofer_inode *gi)
{
    mutex_lock(&gi->inode.lock);
    struct gofer_seq seq = gi->seq;
    mutex_unlock(&gi->inode.lock);
    return seq;
}

struct gofer_seq gofer_attr_change(struct gofer_inode *gi)
{
    atomic_fetch_add_explicit(&gofer_sb_of(gi)->changes, 1, memory_order_acq_rel);
    mutex_lock(&gi->inode.lock);
    gi->seq.changes++;
    struct gofer_seq seq = gi->seq;
    gi->stale = true;
    mutex_unlock(&gi->inode.lock);
    return seq;
}

/*
 * An answer is true where nothing has changed since the question. Where the file was only
 * written to, its owners still are, and its mode as far as we know.
 */
static void apply_locked(struct gofer_inode *gi, const struct gofer_attr *attr,
                         struct gofer_seq seq) HOLDS(gi->inode.lock);
static void apply_locked(struct gofer_inode *gi, const struct gofer_attr *attr,
                         struct gofer_seq seq)
{
    bool owners = gi->seq.owners == seq.owners;

    if (owners && gi->seq.changes == seq.changes) {
        gofer_attr_store(gi, attr);
        return;
    }
    gi->stale = true;
    gi->owner_stale |= !owners;
    if (owners) {
        store_mode(gi, attr->mode);
        store_owners(gi, attr);
    }
}

void gofer_attr_apply(struct gofer_inode *gi, const struct gofer_attr *attr, struct gofer_seq seq)
{
    mutex_lock(&gi->inode.lock);
    apply_locked(gi, attr, seq);
    mutex_unlock(&gi->inode.lock);
}

void gofer_attr_written(struct gofer_inode *gi, uint64_t end)
{
    struct gofer_sb *sb = gofer_sb_of(gi);

    atomic_fetch_add_explicit(&sb->changes, 1, memory_order_acq_rel);
    mutex_lock(&gi->inode.lock);
    gi->seq.changes++;
    gi->stale = true;
    if (end > gi->inode.attr.size)
        set_size(gi, end);
    mutex_unlock(&gi->inode.lock);
}

/* What fstat(2) of a descriptor tells: everything but owners. Under the lock. */
static void merge_stat(struct gofer_inode *gi, const struct stat *st)
{
    struct attr *a = &gi->inode.attr;

    store_mode(gi, st->st_mode);
    a->nlink = (uint32_t)st->st_nlink;
    a->blocks = (uint64_t)st->st_blocks;
    a->atime = st->st_atim;
    a->mtime = st->st_mtim;
    a->ctime = st->st_ctim;
    set_size(gi, (uint64_t)st->st_size);
}

/* Makes inode.attr true without the gofer. False: it has to be asked. */
static bool refresh_locked(struct gofer_inode *gi) HOLDS(gi->inode.lock);
static bool refresh_locked(struct gofer_inode *gi)
{
    bool shared = gofer_sb_of(gi)->shared;
    bool moving = atomic_load_explicit(&gi->map_written, memory_order_relaxed);
    struct stat st;
    int fd = gofer_fds_any(gi);

    if (gi->owner_stale)
        return false;
    if (fd >= 0 && (shared || moving || gi->stale)) {
        if (host_fstat(fd, &st) < 0)
            return false;
        if (shared && !same_time(&st.st_ctim, &gi->inode.attr.ctime) && !gi->stale)
            return false;
        merge_stat(gi, &st);
        gi->stale = moving;
        return true;
    }
    if (gi->stale)
        return false;
    if (!shared)
        return true;
    bool fresh = gi->seen != 0 && now_of(gi) - gi->seen < TRUST;
    gi->seen = 0;
    return fresh;
}

int gofer_getattr_op(struct inode *inode, struct attr *out)
{
    struct gofer_inode *gi = gofer_inode_of(inode);
    struct gofer_attr attr;
    gofer_handle_t h;

    mutex_lock(&gi->inode.lock);
    bool fine = refresh_locked(gi);
    if (fine)
        *out = inode->attr;
    struct gofer_seq seq = gi->seq;
    mutex_unlock(&gi->inode.lock);
    if (fine)
        return 0;
    int err = GOFER_RETRY(gi, h, gofer_getattr(gofer_client_of(gi), h, &attr));
    if (err)
        return err;
    mutex_lock(&gi->inode.lock);
    apply_locked(gi, &attr, seq);
    *out = inode->attr;
    if (gi->owner_stale) {
        /* Not to be kept, but true at some time since we were asked. */
        out->mode = (out->mode & S_IFMT) | (attr.mode & 07777);
        out->uid = attr.uid;
        out->gid = attr.gid;
    }
    gi->seen = 0;
    mutex_unlock(&gi->inode.lock);
    return 0;
}

/* Sets the size through a descriptor that is open for writing, where there is one. */
static bool truncate_here(struct gofer_inode *gi, uint64_t size, int *err)
{
    mutex_lock(&gi->inode.lock);
    int fd = hostfd_get(gi->inode.sb->arena, gi->fd_write.n ? gi->fd_write : gi->fd_wo);
    if (fd >= 0) {
        /* A call of the host alone, so the lock may be held; it keeps the descriptor open. */
        *err = host_ftruncate(fd, (int64_t)size);
        gi->seq.changes++;
        gi->stale = true;
        if (!*err)
            set_size(gi, size);
    }
    mutex_unlock(&gi->inode.lock);
    return fd >= 0;
}

/*
 * A setattr counts when it begins and when it has ended. So of two at once neither answer is
 * believed, for nobody knows which is the younger; nor is one to a question that was asked
 * meanwhile, which may be from before.
 */
static struct gofer_seq count_setattr_locked(struct gofer_inode *gi) HOLDS(gi->inode.lock);
static struct gofer_seq count_setattr_locked(struct gofer_inode *gi)
{
    atomic_fetch_add_explicit(&gofer_sb_of(gi)->changes, 1, memory_order_acq_rel);
    gi->seq.changes++;
    gi->seq.owners++;
    return gi->seq;
}

static struct gofer_seq begin_setattr(struct gofer_inode *gi)
{
    mutex_lock(&gi->inode.lock);
    struct gofer_seq seq = count_setattr_locked(gi);
    gi->stale = true;
    mutex_unlock(&gi->inode.lock);
    return seq;
}

/* `attr`: the answer; NULL where it failed, and nobody knows how far it came. */
static void end_setattr(struct gofer_inode *gi, const struct gofer_attr *attr, struct gofer_seq seq)
{
    mutex_lock(&gi->inode.lock);
    if (attr)
        apply_locked(gi, attr, seq);
    else
        gi->stale = gi->owner_stale = true;
    count_setattr_locked(gi);
    mutex_unlock(&gi->inode.lock);
}

static bool owners_are_stale(struct gofer_inode *gi)
{
    mutex_lock(&gi->inode.lock);
    bool stale = gi->owner_stale;
    mutex_unlock(&gi->inode.lock);
    return stale;
}

static int set_by_gofer(struct gofer_inode *gi, const struct attr_change *change)
{
    struct gofer_attr attr;
    struct attr now;
    gofer_handle_t h;
    struct gofer_seq seq = begin_setattr(gi);
    int err = GOFER_RETRY(gi, h, gofer_setattr(gofer_client_of(gi), h, change, &attr));

    end_setattr(gi, err ? NULL : &attr, seq);
    /* Permission checks look at owners and mode without asking, so they are asked for now. */
    if (!err && owners_are_stale(gi))
        gofer_getattr_op(&gi->inode, &now); /* where that fails, they stay stale */
    return err;
}

int gofer_setattr_op(struct inode *inode, const struct attr_change *change, const struct actor *who)
{
    struct gofer_inode *gi = gofer_inode_of(inode);
    struct attr_change c = *change;
    int err = 0;

    (void)who;
    if (!(c.which & ATTR_SIZE))
        return set_by_gofer(gi, &c);
    if (c.size > INT64_MAX)
        return -EFBIG;
    /* ftruncate(2) makes the time now, and asks no more rights than that. */
    if (c.which & ATTR_MTIME_NOW)
        c.which &= ~(unsigned)(ATTR_MTIME | ATTR_MTIME_NOW);
    if (c.which != ATTR_SIZE || !truncate_here(gi, c.size, &err))
        err = set_by_gofer(gi, &c);
    if (!err && inode_is(inode, S_IFREG))
        mappable_zap(&gi->map, c.size, UINT64_MAX, true);
    return err;
}

int gofer_statfs_op(struct superblock *s, struct statfs *out)
{
    struct gofer_sb *sb = container_of(s, struct gofer_sb, sb);
    struct gofer_inode *gi = sb->root;
    gofer_handle_t h;

    return GOFER_RETRY(gi, h, gofer_statfs(gofer_client_of(gi), h, out));
}
