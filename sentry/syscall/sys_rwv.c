/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes by many buffers: readv, writev and their kin. */
#include <fcntl.h>
#include <linux/fs.h>

#include "sentry/syscall/rw.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/vfs/rw.h"

/* What preadv2(2) can be asked for. RWF_NOAPPEND and RWF_ATOMIC give EOPNOTSUPP. */
#define FLAGS_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

int iov_get(struct task *t, uptr_t from, size_t count, struct iov *iov, struct io *out)
{
    iov->vecs = iov->few;
    if (count > IO_VECS_MAX)
        return -EINVAL;
    if (count > ARRAY_LEN(iov->few)) {
        iov->vecs = arena_alloc(t->arena, count * sizeof *iov->vecs);
        if (!iov->vecs)
            return -ENOMEM;
    }
    int err = copy_in(t->mm, iov->vecs, from, count * sizeof *iov->vecs);
    for (size_t i = 0; !err && i < count; i++)
        if ((ssize_t)iov->vecs[i].iov_len < 0)
            err = -EINVAL;
    if (!err)
        err = io_user_vec(out, t->mm, iov->vecs, count);
    out->task = t;
    return err;
}

void iov_put(struct iov *iov)
{
    if (iov->vecs != iov->few)
        arena_free(iov->vecs);
}

/* A read or write with flags: at `pos`, or at the file's own where it is -1. */
struct rwv {
    struct task *t;
    struct file *f;
    struct io *io;
    int64_t pos;
    int flags;
};

static long read_once(const struct rwv *c)
{
    return c->pos == -1 ? file_read(c->f, c->io) : file_read_at(c->f, c->io, (uint64_t)c->pos);
}

static long do_read(const struct rwv *c)
{
    int err = file_may_read(c->f);

    if (err)
        return err;
    if (c->flags & RWF_NOWAIT)
        return read_once(c);
    return c->pos == -1 ? rw_read(c->t, c->f, c->io)
                        : rw_read_at(c->t, c->f, c->io, (uint64_t)c->pos);
}

static long write_here(const struct rwv *c)
{
    struct actor who;

    if (!(c->flags & RWF_NOWAIT))
        return rw_write(c->t, c->f, c->io);
    task_actor(c->t, &who);
    return file_write(&who, c->f, c->io);
}

static long write_at(const struct rwv *c, uint64_t pos, bool append)
{
    struct actor who;

    if (!(c->flags & RWF_NOWAIT))
        return rw_write_at(c->t, c->f, c->io, pos, append);
    task_actor(c->t, &who);
    return file_write_at(&who, c->f, c->io, pos, append);
}

/* RWF_APPEND: at the end; the position moves only where it is used. */
static long write_appending(const struct rwv *c)
{
    long n = write_at(c, 0, true);

    if (n > 0 && c->pos == -1) {
        struct attr attr;
        if (inode_getattr(c->f->inode, &attr) == 0) {
            file_pos_take(c->f);
            c->f->pos = attr.size;
            file_pos_drop(c->f);
        }
    }
    return n;
}

static long write_by_flags(const struct rwv *c)
{
    if (c->flags & RWF_APPEND && !(c->f->kind & FILE_STREAM))
        return write_appending(c);
    return c->pos == -1 ? write_here(c) : write_at(c, (uint64_t)c->pos, false);
}

static long do_write(const struct rwv *c)
{
    int err = file_may_write(c->f);

    if (err)
        return err;
    long n = write_by_flags(c);
    if (n > 0 && c->flags & (RWF_DSYNC | RWF_SYNC) && c->f->ops->fsync) {
        err = c->f->ops->fsync(c->f, !(c->flags & RWF_SYNC));
        return err ? err : n;
    }
    return n;
}

static long move_vecs(struct task *t, int fd, uptr_t from, size_t count, int64_t pos, int flags,
                      long (*move)(const struct rwv *c))
{
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;
    struct iov iov;
    struct io io;

    if (!f)
        return -EBADF;
    if (pos != -1 && f->kind & FILE_STREAM)
        return -ESPIPE;
    struct rwv c = { t, f, &io, pos, flags };
    long r = iov_get(t, from, count, &iov, &io);
    if (!r)
        r = flags & ~FLAGS_KNOWN ? -EOPNOTSUPP : move(&c);
    iov_put(&iov);
    return r;
}

long sys_readv(struct task *t, int fd, uptr_t iov, size_t iovcnt)
{
    return move_vecs(t, fd, iov, iovcnt, -1, 0, do_read);
}

long sys_writev(struct task *t, int fd, uptr_t iov, size_t iovcnt)
{
    return move_vecs(t, fd, iov, iovcnt, -1, 0, do_write);
}

/* The upper half of the position is for 32-bit callers; a 64-bit one has all in the lower. */
long sys_preadv(struct task *t, int fd, uptr_t iov, size_t iovcnt, int64_t pos_l, int64_t pos_h)
{
    (void)pos_h;
    return pos_l < 0 ? -EINVAL : move_vecs(t, fd, iov, iovcnt, pos_l, 0, do_read);
}

long sys_pwritev(struct task *t, int fd, uptr_t iov, size_t iovcnt, int64_t pos_l, int64_t pos_h)
{
    (void)pos_h;
    return pos_l < 0 ? -EINVAL : move_vecs(t, fd, iov, iovcnt, pos_l, 0, do_write);
}

long sys_preadv2(struct task *t, int fd, uptr_t iov, size_t iovcnt, int64_t pos_l, int64_t pos_h,
                 int flags)
{
    (void)pos_h;
    return pos_l < -1 ? -EINVAL : move_vecs(t, fd, iov, iovcnt, pos_l, flags, do_read);
}

long sys_pwritev2(struct task *t, int fd, uptr_t iov, size_t iovcnt, int64_t pos_l, int64_t pos_h,
                  int flags)
{
    (void)pos_h;
    return pos_l < -1 ? -EINVAL : move_vecs(t, fd, iov, iovcnt, pos_l, flags, do_write);
}
