/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of a tmpfs: read, write, seek, fallocate, mmap, seals. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentry/fs/tmpfs_priv.h"
#include "sentry/vfs/mount.h"

/* Pages looked up at once. */
#define RUN_MAX 256

static struct tmpfs_inode *of(struct file *f)
{
    return tmpfs_inode_of(f->inode);
}

/* A part of a transfer that lies in neighbouring frames, or in one hole. */
struct piece {
    char *at;    /* NULL: a hole */
    size_t size; /* bytes */
};

static struct piece find_piece(struct tmpfs_inode *ti, uint64_t pos, size_t want)
{
    uint64_t index = pos / PAGE_SIZE, off = pos % PAGE_SIZE;
    uint64_t max = min((uint64_t)RUN_MAX, (off + want + PAGE_MASK) / PAGE_SIZE), n;
    pfn_t pfn;
    struct piece p = { 0 };

    mutex_lock(&ti->map.lock);
    n = page_tree_run(&ti->data.pages, index, max, &pfn);
    if (n > 0)
        p.at = (char *)frame_ptr(ti->inode.sb->arena, pfn) + off;
    else
        n = page_tree_hole(&ti->data.pages, index, max);
    mutex_unlock(&ti->map.lock);
    p.size = min(want, (size_t)(n * PAGE_SIZE - off));
    return p;
}

static ssize_t read_locked(struct tmpfs_inode *ti, struct io *io, uint64_t *pos)
{
    size_t done = 0;

    while (io->left > 0) {
        uint64_t size = tmpfs_size(ti);
        if (*pos >= size)
            break;
        struct piece p = find_piece(ti, *pos, (size_t)min((uint64_t)io->left, size - *pos));
        ssize_t n = p.at ? io_put(io, p.at, p.size) : io_zero(io, p.size);
        if (n < 0)
            return done > 0 ? (ssize_t)done : n;
        done += (size_t)n;
        *pos += (uint64_t)n;
        if ((size_t)n < p.size)
            break;
    }
    return (ssize_t)done;
}

static ssize_t tmpfs_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct inode *i = f->inode;

    mutex_lock(&i->lock);
    ssize_t n = read_locked(of(f), io, pos);
    mutex_unlock(&i->lock);
    file_accessed(f);
    return n;
}

static int check_write(struct tmpfs_inode *ti, struct io *io, uint64_t pos)
{
    unsigned seals = ti->data.seals;

    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    if (seals & F_SEAL_GROW && io->left > 0 && pos + io->left > tmpfs_size(ti))
        return -EPERM;
    if (pos >= TMPFS_FILE_MAX)
        return -EFBIG;
    io->left = (size_t)min((uint64_t)io->left, TMPFS_FILE_MAX - pos);
    return 0;
}

static void grow_to(struct tmpfs_inode *ti, uint64_t end)
{
    if (end <= tmpfs_size(ti))
        return;
    mutex_lock(&ti->map.lock);
    __atomic_store_n(&ti->inode.attr.size, end, __ATOMIC_RELEASE);
    mutex_unlock(&ti->map.lock);
}

static ssize_t write_some(struct tmpfs_inode *ti, struct io *io, uint64_t pos)
{
    uint64_t off = pos % PAGE_SIZE, count;
    uint64_t max = min((uint64_t)RUN_MAX, (off + io->left + PAGE_MASK) / PAGE_SIZE);
    pfn_t pfn;

    mutex_lock(&ti->map.lock);
    int err = tmpfs_fill(ti, pos / PAGE_SIZE, max, &pfn, &count);
    mutex_unlock(&ti->map.lock);
    if (err)
        return err;
    /* The frames stay: pages leave only under the inode's lock, which we hold. */
    size_t size = min(io->left, (size_t)(count * PAGE_SIZE - off));
    return io_take_ram(io, ti->inode.sb->arena, pfn, off, size);
}

static ssize_t write_locked(struct tmpfs_inode *ti, struct io *io, uint64_t *pos)
{
    size_t done = 0;
    int err = check_write(ti, io, *pos);

    while (!err && io->left > 0) {
        size_t want = io->left;
        ssize_t n = write_some(ti, io, *pos);
        if (n < 0) {
            err = (int)n;
            break;
        }
        done += (size_t)n;
        *pos += (uint64_t)n;
        grow_to(ti, *pos);
        if (n == 0 || io->left + (size_t)n != want)
            break; /* a fault */
    }
    return done > 0 || !err ? (ssize_t)done : err;
}

static ssize_t tmpfs_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct inode *i = f->inode;
    struct timespec now = inode_now(i);

    mutex_lock(&i->lock);
    if (atomic_load_explicit(&f->flags, memory_order_relaxed) & O_APPEND)
        *pos = tmpfs_size(of(f));
    ssize_t n = write_locked(of(f), io, pos);
    if (n > 0)
        i->attr.mtime = i->attr.ctime = now;
    mutex_unlock(&i->lock);
    return n;
}

static int64_t tmpfs_seek(struct file *f, int64_t off, int whence, uint64_t pos)
{
    struct tmpfs_inode *ti = of(f);
    uint64_t size = tmpfs_size(ti), at;

    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return file_seek_generic(off, whence, pos, size, TMPFS_FILE_MAX);
    if (off < 0 || (uint64_t)off >= size)
        return -ENXIO;
    mutex_lock(&ti->map.lock);
    at = whence == SEEK_DATA ? page_tree_next(&ti->data.pages, (uint64_t)off / PAGE_SIZE)
                             : page_tree_next_hole(&ti->data.pages, (uint64_t)off / PAGE_SIZE);
    mutex_unlock(&ti->map.lock);
    if (at >= size / PAGE_SIZE + (size % PAGE_SIZE != 0))
        return whence == SEEK_DATA ? -ENXIO : (int64_t)size;
    return (int64_t)max(at * PAGE_SIZE, (uint64_t)off);
}

/* ---- fallocate ---- */

static int punch(struct tmpfs_inode *ti, uint64_t from, uint64_t to)
{
    if (ti->data.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    tmpfs_punch(ti, from, to);
    return 0;
}

/* Holes that an fallocate(2) has filled, the youngest first: to be taken back where it fails. */
struct filled {
    struct filled *next;
    uint64_t index, count; /* pages */
};

/* Fills the holes of what lies next to each other at `*index`, and goes behind it. */
static int fill_run(struct tmpfs_inode *ti, uint64_t *index, uint64_t end, struct filled **log)
{
    struct arena *a = ti->inode.sb->arena;
    uint64_t want = min(end - *index, (uint64_t)RUN_MAX), count;
    struct filled *f = *log;
    pfn_t pfn;
    int err = 0;

    mutex_lock(&ti->map.lock);
    bool hole = page_tree_run(&ti->data.pages, *index, 1, &pfn) == 0;
    if (hole && (!f || f->index + f->count != *index)) {
        f = arena_alloc(a, sizeof *f);
        if (f)
            *f = (struct filled){ .next = *log, .index = *index };
        *log = f ? f : *log;
        err = f ? 0 : -ENOMEM;
    }
    if (hole)
        want = page_tree_hole(&ti->data.pages, *index, want);
    if (!err)
        err = tmpfs_fill(ti, *index, want, &pfn, &count);
    mutex_unlock(&ti->map.lock);
    if (err)
        return err;
    if (hole)
        f->count += count;
    *index += count;
    return 0;
}

static bool is_all_zero(const char *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

/* Takes back what nobody has come to use meanwhile, through a mapping. */
static void unfill(struct tmpfs_inode *ti, const struct filled *f)
{
    struct arena *a = ti->inode.sb->arena;

    for (uint64_t i = f->index; i < f->index + f->count; i++) {
        pfn_t pfn;
        mutex_lock(&ti->map.lock);
        bool ours = page_tree_run(&ti->data.pages, i, 1, &pfn) == 1 && frame_refs(a, pfn) == 1 &&
                    is_all_zero(frame_ptr(a, pfn));
        if (ours)
            tmpfs_cut_locked(ti, i, i + 1);
        mutex_unlock(&ti->map.lock);
    }
}

static void end_fill(struct tmpfs_inode *ti, struct filled *log, bool failed)
{
    struct filled *next;

    for (; log; log = next) {
        next = log->next;
        if (failed)
            unfill(ti, log);
        arena_free(log);
    }
}

static int allocate(struct tmpfs_inode *ti, uint64_t from, uint64_t to, bool keep_size)
{
    uint64_t index = from / PAGE_SIZE, end = (to + PAGE_MASK) / PAGE_SIZE;
    uint64_t max = atomic_load_explicit(&tmpfs_of(&ti->inode)->max_blocks, memory_order_relaxed);
    struct filled *log = NULL;
    int err = 0;

    if (!keep_size && to > tmpfs_size(ti) && ti->data.seals & F_SEAL_GROW)
        return -EPERM;
    if (max > 0 && end - index > max)
        return -ENOSPC;
    while (!err && index < end)
        err = fill_run(ti, &index, end, &log);
    end_fill(ti, log, err);
    if (!err && !keep_size)
        grow_to(ti, to);
    return err;
}

static int tmpfs_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
    struct tmpfs_inode *ti = of(f);
    bool hole = mode & FALLOC_FL_PUNCH_HOLE;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    mutex_lock(&ti->inode.lock);
    int err =
        hole ? punch(ti, off, off + len) : allocate(ti, off, off + len, mode & FALLOC_FL_KEEP_SIZE);
    mutex_unlock(&ti->inode.lock);
    if (hole)
        mappable_zap(&ti->map, off, off + len, false);
    if (!err)
        inode_touch(&ti->inode, ATTR_MTIME);
    return err;
}

/* ---- mmap ---- */

static int tmpfs_map(struct file *f, int prot, int flags, struct map_source *out)
{
    struct tmpfs_inode *ti = of(f);
    unsigned seals = __atomic_load_n(&ti->data.seals, __ATOMIC_RELAXED);
    bool shared = flags & MAP_SHARED, sealed = seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);

    if (shared && prot & PROT_WRITE && sealed)
        return -EPERM;
    inode_get(&ti->inode);
    out->mappable = &ti->map;
    out->may_write = f->kind & FILE_WRITE && !(shared && sealed);
    out->may_exec = !f->path.mnt || !(mount_flags(f->path.mnt) & MS_NOEXEC);
    return 0;
}

static int tmpfs_fsync(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0;
}

static const struct file_ops tmpfs_file_ops = {
    .name = "tmpfs",
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
    .map = tmpfs_map,
    .fsync = tmpfs_fsync,
    .fallocate = tmpfs_fallocate,
    .release = file_release,
};

int tmpfs_open_file(struct inode *i, const struct path *at, int flags, const struct actor *who,
                    struct file **out)
{
    return file_create(at, i, &tmpfs_file_ops, flags, who, out);
}

/* ---- seals ---- */

int tmpfs_get_seals(struct file *f)
{
    if (f->ops != &tmpfs_file_ops)
        return -EINVAL;
    return (int)__atomic_load_n(&of(f)->data.seals, __ATOMIC_RELAXED);
}

#define SEALS_ALL                                                                     \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | \
     TMPFS_SEAL_EXEC)

static int add_seals_locked(struct tmpfs_inode *ti, unsigned seals)
{
    if (ti->data.seals & F_SEAL_SEAL)
        return -EPERM;
    if (seals & F_SEAL_WRITE && !(ti->data.seals & F_SEAL_WRITE)) {
        mutex_lock(&ti->map.lock);
        bool mapped = ti->map.writers > 0;
        mutex_unlock(&ti->map.lock);
        if (mapped)
            return -EBUSY;
    }
    /* What may never be written nor run again may as well not change its size. */
    if (seals & TMPFS_SEAL_EXEC && inode_mode(&ti->inode) & 0111)
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    __atomic_store_n(&ti->data.seals, ti->data.seals | seals, __ATOMIC_RELAXED);
    return 0;
}

int tmpfs_add_seals(struct file *f, unsigned seals)
{
    if (f->ops != &tmpfs_file_ops)
        return -EINVAL;
    if (!(f->kind & FILE_WRITE))
        return -EPERM;
    if (seals & ~SEALS_ALL)
        return -EINVAL;
    mutex_lock(&f->inode->lock);
    int err = add_seals_locked(of(f), seals);
    mutex_unlock(&f->inode->lock);
    return err;
}
