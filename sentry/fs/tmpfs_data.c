/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a tmpfs file: pages that come, pages that go. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sentry/fs/tmpfs_priv.h"

/* How many pages a fault into a hole fills: the aligned chunk of 64 KiB around it. */
#define FAULT_FILL 16

static struct tmpfs_inode *of(struct mappable *m)
{
    return container_of(m, struct tmpfs_inode, map);
}

/* Up to `want` pages off the limit; how many there were. */
static uint64_t take_blocks(struct tmpfs *fs, uint64_t want)
{
    uint64_t max = atomic_load_explicit(&fs->max_blocks, memory_order_relaxed);
    uint64_t used = atomic_load_explicit(&fs->blocks, memory_order_relaxed), n;

    do {
        n = max == 0 ? want : used >= max ? 0 : min(want, max - used);
    } while (!atomic_compare_exchange_weak_explicit(&fs->blocks, &used, used + n,
                                                    memory_order_relaxed, memory_order_relaxed));
    return n;
}

static void give_blocks(struct tmpfs *fs, uint64_t n)
{
    atomic_fetch_sub_explicit(&fs->blocks, n, memory_order_relaxed);
}

/* Puts `n` neighbouring frames into the tree; gives back those that did not fit. */
static uint64_t put_run(struct tmpfs_inode *ti, struct arena *a, uint64_t index, pfn_t pfn,
                        uint64_t n)
{
    uint64_t i = 0;

    while (i < n && page_tree_put(&ti->data.pages, a, index + i, pfn + i) == 0)
        i++;
    if (i < n)
        frame_put(a, pfn + i, n - i);
    return i;
}

/* Fills a hole of `want` pages at `index`, or a part of it from its start. */
static int fill_hole(struct tmpfs_inode *ti, uint64_t index, uint64_t want)
{
    struct tmpfs *fs = tmpfs_of(&ti->inode);
    struct arena *a = fs->sb.arena;
    uint64_t n = take_blocks(fs, want), got = n;
    pfn_t pfn;

    if (n == 0)
        return -ENOSPC;
    int err = frame_alloc_run(a, &got, &pfn);
    if (err) {
        give_blocks(fs, n);
        return err;
    }
    got = put_run(ti, a, index, pfn, got);
    give_blocks(fs, n - got);
    return got > 0 ? 0 : -ENOMEM;
}

int tmpfs_fill(struct tmpfs_inode *ti, uint64_t index, uint64_t max, pfn_t *first, uint64_t *count)
{
    struct page_tree *t = &ti->data.pages;

    *count = page_tree_run(t, index, max, first);
    if (*count > 0)
        return 0;
    int err = fill_hole(ti, index, page_tree_hole(t, index, max));
    if (err)
        return err;
    *count = page_tree_run(t, index, max, first);
    return 0;
}

/* ---- as mm sees it ---- */

static uint64_t pages_of(uint64_t size)
{
    return size / PAGE_SIZE + (size % PAGE_SIZE != 0);
}

static int locate_locked(struct tmpfs_inode *ti, uint64_t index, uint64_t max, struct extent *out)
{
    uint64_t pages = pages_of(tmpfs_size(ti));

    if (index >= pages)
        return -EFAULT;
    max = min(max, pages - index);
    if (page_tree_run(&ti->data.pages, index, 1, &out->pfn) == 0)
        max = min(max, FAULT_FILL - index % FAULT_FILL);
    int err = tmpfs_fill(ti, index, max, &out->pfn, &out->count);
    if (err)
        return err;
    frame_get(ti->inode.sb->arena, out->pfn, out->count);
    out->writable = true;
    return 0;
}

static int tmpfs_locate(struct mappable *m, uint64_t index, uint64_t max, unsigned access,
                        struct extent *out)
{
    (void)access; /* a hole that is read is filled too: it may be written through another mapping */
    mutex_lock(&m->lock);
    int err = locate_locked(of(m), index, max, out);
    mutex_unlock(&m->lock);
    return err;
}

static uint64_t tmpfs_map_size(struct mappable *m)
{
    return tmpfs_size(of(m));
}

static void tmpfs_map_get(struct mappable *m)
{
    inode_get(&of(m)->inode);
}

static void tmpfs_map_put(struct mappable *m)
{
    inode_put(&of(m)->inode);
}

const struct mappable_ops tmpfs_map_ops = {
    .locate = tmpfs_locate,
    .size = tmpfs_map_size,
    .get = tmpfs_map_get,
    .put = tmpfs_map_put,
};

/* ---- what goes ---- */

/* Zeroes bytes [from, to) of one page, if there is that page. */
static void zero_part(struct tmpfs_inode *ti, uint64_t from, uint64_t to)
{
    pfn_t pfn;

    if (from < to && page_tree_run(&ti->data.pages, from / PAGE_SIZE, 1, &pfn) == 1)
        memset((char *)frame_ptr(ti->inode.sb->arena, pfn) + from % PAGE_SIZE, 0, to - from);
}

void tmpfs_cut_locked(struct tmpfs_inode *ti, uint64_t first, uint64_t last)
{
    struct tmpfs *fs = tmpfs_of(&ti->inode);

    give_blocks(fs, page_tree_cut(&ti->data.pages, fs->sb.arena, first, last));
}

void tmpfs_punch(struct tmpfs_inode *ti, uint64_t from, uint64_t to)
{
    uint64_t first = pages_of(from), last = to / PAGE_SIZE;

    mutex_lock(&ti->map.lock);
    if (from / PAGE_SIZE == to / PAGE_SIZE) {
        zero_part(ti, from, to);
    } else {
        zero_part(ti, from, min(to, first * PAGE_SIZE));
        if (first < last)
            tmpfs_cut_locked(ti, first, last);
        zero_part(ti, max(from, last * PAGE_SIZE), to);
    }
    mutex_unlock(&ti->map.lock);
}

static int check_resize(const struct tmpfs_inode *ti, uint64_t size)
{
    if (size > TMPFS_FILE_MAX)
        return -EFBIG;
    if (size < tmpfs_size(ti) && ti->data.seals & F_SEAL_SHRINK)
        return -EPERM;
    if (size > tmpfs_size(ti) && ti->data.seals & F_SEAL_GROW)
        return -EPERM;
    return 0;
}

int tmpfs_resize(struct tmpfs_inode *ti, uint64_t size)
{
    struct inode *i = &ti->inode;
    uint64_t old = 0;

    mutex_lock(&i->lock);
    int err = check_resize(ti, size);
    if (!err) {
        old = tmpfs_size(ti);
        mutex_lock(&ti->map.lock);
        __atomic_store_n(&i->attr.size, size, __ATOMIC_RELEASE);
        mutex_unlock(&ti->map.lock);
        /* Beyond the old end too: what was allocated past it in vain. */
        if (size < old)
            tmpfs_punch(ti, size, (uint64_t)INT64_MAX & ~PAGE_MASK);
    }
    mutex_unlock(&i->lock);
    if (!err && size < old)
        mappable_zap(&ti->map, size, UINT64_MAX, true);
    return err;
}
