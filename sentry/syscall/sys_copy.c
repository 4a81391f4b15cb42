/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From file to file without the guest's memory: sendfile, copy_file_range.
 *
 *   source    sendfile(2), copy_file_range(2); fs/read_write.c, Linux 6.12
 */
#include <fcntl.h>

#include "sentry/syscall/rw.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/vfs/rw.h"

#define CHUNK ((size_t)64 << 10)

/* A copy in progress. */
struct copy {
    struct task *t;
    struct file *in, *out;
    uint64_t in_pos, out_pos; /* where they are; out_pos only where `out_at` */
    bool out_at;              /* writes go to out_pos, not to the file's own position */
    char *buf;                /* CHUNK bytes */
};

static long write_chunk(struct copy *c, size_t size)
{
    struct io io;

    io_kernel(&io, c->buf, size);
    io.task = c->t;
    long n =
        c->out_at ? rw_write_at(c->t, c->out, &io, c->out_pos, false) : rw_write(c->t, c->out, &io);
    if (n > 0 && c->out_at)
        c->out_pos += (uint64_t)n;
    return n;
}

static long read_chunk(struct copy *c, size_t size)
{
    struct io io;

    io_kernel(&io, c->buf, size);
    io.task = c->t;
    return rw_read_at(c->t, c->in, &io, c->in_pos);
}

/* What was written counts; an error is only told where nothing was. */
static long run(struct copy *c, size_t count)
{
    long done = 0, n = 0;

    c->buf = arena_alloc(c->t->arena, CHUNK);
    if (!c->buf)
        return -ENOMEM;
    while (count > 0) {
        long got = n = read_chunk(c, min(count, CHUNK));
        if (got <= 0)
            break;
        n = write_chunk(c, (size_t)got);
        if (n <= 0)
            break;
        c->in_pos += (uint64_t)n;
        count -= (size_t)n;
        done += n;
        if (n < got || task_signal_due(c->t))
            break;
    }
    arena_free(c->buf);
    return done > 0 ? done : n;
}

/* Where an offset is given it is used and told; else the file's own position is. */
static int pos_in(struct task *t, struct file *f, uptr_t at, uint64_t *out)
{
    int64_t pos;

    if (uptr_is_null(at)) {
        *out = __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
        return 0;
    }
    int err = copy_in_struct(t->mm, &pos, at);
    if (err)
        return err;
    *out = (uint64_t)pos;
    return pos < 0 ? -EINVAL : 0;
}

static int pos_out(struct task *t, struct file *f, uptr_t at, uint64_t pos)
{
    if (!uptr_is_null(at))
        return copy_out_struct(t->mm, at, &pos);
    file_pos_take(f);
    f->pos = pos;
    file_pos_drop(f);
    return 0;
}

static int check_sendfile(const struct file *in, const struct file *out, uptr_t offset)
{
    int err = in->kind & FILE_READ ? 0 : -EBADF;

    if (!err && in->kind & FILE_STREAM)
        err = uptr_is_null(offset) ? -EINVAL : -ESPIPE;
    if (!err && !(out->kind & FILE_WRITE))
        err = -EBADF;
    if (!err)
        err = file_may_read(in) ? -EINVAL : file_may_write(out);
    if (!err && atomic_load_explicit(&((struct file *)out)->flags, memory_order_relaxed) & O_APPEND)
        err = -EINVAL;
    return err;
}

long sys_sendfile(struct task *t, int out_fd, int in_fd, uptr_t offset, size_t count)
{
    scoped(file) struct file *in = task_file(t, in_fd);
    scoped(file) struct file *out = task_file(t, out_fd);
    struct copy c = { .t = t, .in = in, .out = out };

    if (!in || !out)
        return -EBADF;
    int err = pos_in(t, in, offset, &c.in_pos);
    if (!err)
        err = check_sendfile(in, out, offset);
    if (err)
        return err;
    long n = run(&c, min(count, IO_MAX));
    if (n > 0) {
        err = pos_out(t, in, offset, c.in_pos);
        if (err)
            return err;
    }
    return n;
}

/* How much there is to copy: what the file has, and a file can have, whatever was asked for. */
static int shorten(const struct copy *c, size_t *len)
{
    uint64_t in_end, out_end;
    struct attr attr;

    if (__builtin_add_overflow(c->in_pos, *len, &in_end) ||
        __builtin_add_overflow(c->out_pos, *len, &out_end))
        return -EOVERFLOW;
    int err = inode_getattr(c->in->inode, &attr);
    if (err)
        return err;
    *len = c->in_pos >= attr.size ? 0 : min(*len, attr.size - c->in_pos);
    *len = min(*len, INT64_MAX - c->out_pos);
    return 0;
}

static int check_copy_range(const struct copy *c, size_t *len)
{
    if (inode_is(c->in->inode, S_IFDIR) || inode_is(c->out->inode, S_IFDIR))
        return -EISDIR;
    if (!inode_is(c->in->inode, S_IFREG) || !inode_is(c->out->inode, S_IFREG))
        return -EINVAL;
    if (!(c->in->kind & FILE_READ) || !(c->out->kind & FILE_WRITE))
        return -EBADF;
    if (atomic_load_explicit(&c->out->flags, memory_order_relaxed) & O_APPEND)
        return -EBADF;
    if (c->in->inode->sb != c->out->inode->sb)
        return -EXDEV;
    int err = shorten(c, len);
    if (err)
        return err;
    if (c->in->inode == c->out->inode && c->out_pos < c->in_pos + *len &&
        c->in_pos < c->out_pos + *len)
        return -EINVAL;
    return 0;
}

long sys_copy_file_range(struct task *t, int fd_in, uptr_t off_in, int fd_out, uptr_t off_out,
                         size_t len, unsigned flags)
{
    scoped(file) struct file *in = task_file(t, fd_in);
    scoped(file) struct file *out = task_file(t, fd_out);
    struct copy c = { .t = t, .in = in, .out = out, .out_at = true };

    if (!in || !out)
        return -EBADF;
    int err = pos_in(t, in, off_in, &c.in_pos);
    if (!err)
        err = pos_in(t, out, off_out, &c.out_pos);
    if (!err && flags)
        err = -EINVAL;
    if (!err)
        err = check_copy_range(&c, &len);
    if (err)
        return err;
    long n = run(&c, min(len, IO_MAX));
    if (n > 0) {
        err = pos_out(t, in, off_in, c.in_pos);
        if (!err)
            err = pos_out(t, out, off_out, c.out_pos);
        if (err)
            return err;
    }
    return n;
}
