/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/vfs/rw.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sentry/vfs/claim.h"
#include "sentry/vfs/vfs.h"
#include "sentry/vfs/walk.h"

static bool is_kind(const struct file *f, uint32_t type)
{
    return f->inode && inode_is(f->inode, type);
}

int file_may_read(const struct file *f)
{
    if (!(f->kind & FILE_READ))
        return -EBADF;
    if (f->ops->read)
        return 0;
    return is_kind(f, S_IFDIR) ? -EISDIR : -EINVAL;
}

int file_may_write(const struct file *f)
{
    if (!(f->kind & FILE_WRITE))
        return -EBADF;
    return f->ops->write ? 0 : -EINVAL;
}

void file_pos_take(struct file *f)
{
    claim_take(&f->pos_claim);
}

void file_pos_drop(struct file *f)
{
    claim_drop(&f->pos_claim);
}

static ssize_t read_event(struct file *f, ssize_t n)
{
    if (n > 0 && f->path.dentry)
        vfs_event(f->path.dentry, IN_ACCESS);
    return n;
}

ssize_t file_read(struct file *f, struct io *io)
{
    if (f->kind & FILE_STREAM)
        return f->ops->read(f, io, NULL);
    file_pos_take(f);
    ssize_t n = f->ops->read(f, io, &f->pos);
    file_pos_drop(f);
    return read_event(f, n);
}

ssize_t file_read_at(struct file *f, struct io *io, uint64_t pos)
{
    return read_event(f, f->ops->read(f, io, &pos));
}

/* A write to a regular file: what it takes away, then the write, then who hears of it. */
static ssize_t write_at(const struct actor *who, struct file *f, struct io *io, uint64_t *pos)
{
    if (is_kind(f, S_IFREG)) {
        int err = vfs_written(who, f->inode);
        if (err)
            return err;
    }
    ssize_t n = f->ops->write(f, io, pos);
    if (n > 0 && f->path.dentry)
        vfs_event(f->path.dentry, IN_MODIFY);
    return n;
}

ssize_t file_write(const struct actor *who, struct file *f, struct io *io)
{
    if (f->kind & FILE_STREAM)
        return f->ops->write(f, io, NULL);
    file_pos_take(f);
    ssize_t n = write_at(who, f, io, &f->pos);
    file_pos_drop(f);
    return n;
}

ssize_t file_write_at(const struct actor *who, struct file *f, struct io *io, uint64_t pos,
                      bool append)
{
    struct attr attr;

    if (append && is_kind(f, S_IFREG)) {
        int err = inode_getattr(f->inode, &attr);
        if (err)
            return err;
        pos = attr.size;
    }
    return write_at(who, f, io, &pos);
}

int file_limit_write(const struct actor *who, struct file *f, struct io *io, uint64_t pos)
{
    uint64_t limit = who->limits ? limit_soft(who->limits, RLIMIT_FSIZE) : LIMIT_INFINITY;
    struct attr attr;

    if (likely(limit == LIMIT_INFINITY) || io->left == 0 || !is_kind(f, S_IFREG))
        return 0;
    if (atomic_load_explicit(&f->flags, memory_order_relaxed) & O_APPEND) {
        int err = inode_getattr(f->inode, &attr);
        if (err)
            return err;
        pos = attr.size;
    }
    if (pos >= limit)
        return -EFBIG;
    if (io->left > limit - pos)
        io->left = limit - pos;
    return 0;
}

static int64_t seek_without_op(struct file *f, int64_t off, int whence)
{
    struct attr attr = { 0 };

    if (is_kind(f, S_IFDIR) && whence != SEEK_SET && whence != SEEK_CUR)
        return -EINVAL;
    if (whence != SEEK_SET && whence != SEEK_CUR && f->inode) {
        int err = inode_getattr(f->inode, &attr);
        if (err)
            return err;
    }
    return file_seek_generic(off, whence, f->pos, attr.size, INT64_MAX);
}

int64_t file_seek(struct file *f, int64_t off, int whence)
{
    if (whence < 0 || whence > SEEK_HOLE)
        return -EINVAL;
    if (f->kind & FILE_STREAM)
        return f->ops->seek ? f->ops->seek(f, off, whence, 0) : -ESPIPE;
    file_pos_take(f);
    int64_t to =
        f->ops->seek ? f->ops->seek(f, off, whence, f->pos) : seek_without_op(f, off, whence);
    if (to >= 0)
        f->pos = (uint64_t)to;
    file_pos_drop(f);
    return to;
}
