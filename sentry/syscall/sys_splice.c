/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages through pipes: splice, tee, vmsplice.
 *
 * A chunk of pages belongs to the thread while it is on its way. What came out of a
 * pipe and could not be written goes back in front of it.
 *
 *   source    splice(2), tee(2), vmsplice(2); fs/splice.c, Linux 6.12
 */
#include <fcntl.h>

#include "sentry/fs/pipe.h"
#include "sentry/syscall/rw.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"
#include "sentry/vfs/rw.h"

#define FLAGS_KNOWN ((unsigned)(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT))

/* One call. Positions are only used of ends that seek. */
struct splice {
    struct task *t;
    struct actor who;
    struct file *in, *out;
    uint64_t in_pos, out_pos;
    bool in_at, out_at; /* at those positions instead of the files' own */
    bool nonblock;      /* SPLICE_F_NONBLOCK, or the pipe's own flag */
    size_t left;
};

/* An attempt that is about a pipe: repeated until it gives something else than -EAGAIN. */
#define ON_PIPE(s, pipe, attempt) \
    ((s)->nonblock ? (long)(attempt) : BLOCK_ON((s)->t, &(pipe)->waitq, NSEC_NEVER, (attempt)))

static long pipe_error(struct splice *s, long err)
{
    if (err == -EPIPE)
        signal_self(s->t, SIGPIPE);
    return err;
}

/* ---- file → pipe ---- */

static long read_into(struct splice *s, struct pipe_chunk *c, struct iovec *vecs)
{
    struct io io = { .vecs = vecs, .nvecs = c->count, .left = c->size, .task = s->t };

    if (s->in_at)
        return rw_read_at(s->t, s->in, &io, s->in_pos);
    return s->nonblock ? file_read(s->in, &io) : rw_read(s->t, s->in, &io);
}

/*
 * There was room for all of it. Where another writer took that meanwhile, what came from
 * a socket would be lost: so it waits; a file is read again from where it ended.
 */
static long append_all(struct splice *s, struct pipe_chunk *c)
{
    long done = 0, n;

    do {
        if (s->in_at)
            n = ON_PIPE(s, s->out, pipe_append(s->out, c));
        else
            n = BLOCK_ON(s->t, &s->out->waitq, NSEC_NEVER, pipe_append(s->out, c));
        if (n > 0)
            done += n;
    } while (n > 0 && c->size > 0 && !s->in_at);
    return done > 0 ? done : n;
}

static long file_to_pipe(struct splice *s)
{
    struct iovec vecs[PIPE_CHUNK];
    struct pipe_chunk c;
    long room = ON_PIPE(s, s->out, pipe_room(s->out));

    if (room < 0)
        return pipe_error(s, room);
    int err = pipe_chunk_create(s->t->arena, min((size_t)room, s->left), &c, vecs);
    if (err)
        return err;
    long n = read_into(s, &c, vecs);
    if (n > 0) {
        pipe_chunk_cut(&c, (size_t)n);
        n = append_all(s, &c);
        if (n > 0 && s->in_at)
            s->in_pos += (uint64_t)n;
    }
    pipe_chunk_destroy(&c);
    return pipe_error(s, n);
}

/* ---- pipe → file ---- */

static long write_from(struct splice *s, struct pipe_chunk *c)
{
    struct iovec vecs[PIPE_CHUNK];
    int count = pipe_chunk_vecs(c, 0, vecs);
    struct io io = { .vecs = vecs, .nvecs = (size_t)count, .left = c->size, .task = s->t };

    if (s->out_at)
        return rw_write_at(s->t, s->out, &io, s->out_pos, false);
    return rw_write(s->t, s->out, &io);
}

static long pipe_to_file(struct splice *s)
{
    struct pipe_chunk c;
    long got = ON_PIPE(s, s->in, pipe_detach(s->in, s->left, &c));

    if (got <= 0)
        return got;
    long n = write_from(s, &c);
    pipe_unread(s->in, &c, n > 0 ? (size_t)n : 0);
    if (n > 0 && s->out_at)
        s->out_pos += (uint64_t)n;
    return n;
}

/* ---- pipe → pipe ---- */

static long pipe_to_pipe(struct splice *s)
{
    struct pipe_chunk c;
    long room = ON_PIPE(s, s->out, pipe_room(s->out));

    if (room < 0)
        return pipe_error(s, room);
    long got = ON_PIPE(s, s->in, pipe_detach(s->in, min((size_t)room, s->left), &c));
    if (got <= 0)
        return got;
    long n = ON_PIPE(s, s->out, pipe_append(s->out, &c));
    pipe_unread(s->in, &c, 0); /* what was appended has left the chunk */
    return pipe_error(s, n);
}

/* Goes on while there is more to be had at once. */
static long run(struct splice *s, long (*step)(struct splice *s))
{
    long done = 0, n;

    do {
        n = step(s);
        if (n <= 0)
            break;
        done += n;
        s->left -= (size_t)n;
        s->nonblock = true; /* having something, it does not wait for more */
    } while (s->left > 0);
    return done > 0 ? done : n;
}

/* ---- splice(2) ---- */

/* Where an end that seeks begins: at the offset that was given, or at its own. */
static int offset_in(struct splice *s, uptr_t at, bool is_pipe, struct file *f, uint64_t *pos,
                     bool *used)
{
    bool seeks = !is_pipe && !(f->kind & FILE_STREAM);
    int64_t off;

    if (uptr_is_null(at)) {
        *used = seeks;
        *pos = __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
        return 0;
    }
    if (!seeks)
        return -ESPIPE;
    int err = copy_in_struct(s->t->mm, &off, at);
    if (err)
        return err;
    *pos = (uint64_t)off;
    *used = true;
    return off < 0 ? -EINVAL : 0;
}

static int check_ends(const struct splice *s, bool in_pipe, bool out_pipe)
{
    if (!(s->in->kind & FILE_READ) || !(s->out->kind & FILE_WRITE))
        return -EBADF;
    if (!in_pipe && !out_pipe)
        return -EINVAL;
    if (in_pipe && out_pipe && s->in->inode == s->out->inode)
        return -EINVAL;
    if (!in_pipe && (!s->in->ops->read || inode_is(s->in->inode, S_IFDIR)))
        return -EINVAL;
    if (!out_pipe) {
        if (!s->out->ops->write)
            return -EINVAL;
        if (atomic_load_explicit(&s->out->flags, memory_order_relaxed) & O_APPEND)
            return -EINVAL;
    }
    return 0;
}

/* Where it ended is told, or becomes the file's position. */
static long offset_out(struct splice *s, uptr_t at, struct file *f, bool used, uint64_t pos, long n)
{
    if (n <= 0 || !used)
        return n;
    if (uptr_is_null(at)) {
        file_pos_take(f);
        f->pos = pos;
        file_pos_drop(f);
        return n;
    }
    int err = copy_out_struct(s->t->mm, at, &pos);
    return err ? err : n;
}

long sys_splice(struct task *t, int fd_in, uptr_t off_in, int fd_out, uptr_t off_out, size_t len,
                unsigned flags)
{
    if (len == 0)
        return 0;
    if (flags & ~FLAGS_KNOWN)
        return -EINVAL;
    scoped(file) struct file *in = task_file(t, fd_in);
    scoped(file) struct file *out = task_file(t, fd_out);
    if (!in || !out)
        return -EBADF;
    bool in_pipe = file_is_pipe(in), out_pipe = file_is_pipe(out);
    struct splice s = { .t = t, .in = in, .out = out, .left = min(len, IO_MAX) };
    s.nonblock = flags & SPLICE_F_NONBLOCK || (in_pipe && file_nonblock(in)) ||
                 (out_pipe && file_nonblock(out));
    int err = offset_in(&s, off_in, in_pipe, in, &s.in_pos, &s.in_at);
    if (!err)
        err = offset_in(&s, off_out, out_pipe, out, &s.out_pos, &s.out_at);
    if (!err)
        err = check_ends(&s, in_pipe, out_pipe);
    if (err)
        return err;
    long n = run(&s, in_pipe && out_pipe ? pipe_to_pipe : in_pipe ? pipe_to_file : file_to_pipe);
    n = offset_out(&s, off_in, in, s.in_at, s.in_pos, n);
    return offset_out(&s, off_out, out, s.out_at, s.out_pos, n);
}

/* ---- tee(2) ---- */

/* Waits on whichever end is in the way: a tee that finds both ready succeeds. */
static long tee_wait(struct task *t, struct file *in, struct file *out, size_t len)
{
    for (;;) {
        long n = pipe_tee(in, out, len);
        if (n != -EAGAIN)
            return n;
        n = BLOCK_ON(t, &in->waitq, NSEC_NEVER, file_poll(in) & (POLLIN | POLLHUP) ? 0 : -EAGAIN);
        if (n)
            return n;
        n = BLOCK_ON(t, &out->waitq, NSEC_NEVER,
                     file_poll(out) & (POLLOUT | POLLERR) ? 0 : -EAGAIN);
        if (n)
            return n;
    }
}

long sys_tee(struct task *t, int fd_in, int fd_out, size_t len, unsigned flags)
{
    if (flags & ~FLAGS_KNOWN)
        return -EINVAL;
    if (len == 0)
        return 0;
    scoped(file) struct file *in = task_file(t, fd_in);
    scoped(file) struct file *out = task_file(t, fd_out);
    if (!in || !out || !(in->kind & FILE_READ) || !(out->kind & FILE_WRITE))
        return -EBADF;
    if (!file_is_pipe(in) || !file_is_pipe(out) || in->inode == out->inode)
        return -EINVAL;
    bool nonblock = flags & SPLICE_F_NONBLOCK || file_nonblock(in) || file_nonblock(out);
    long n = nonblock ? pipe_tee(in, out, len) : tee_wait(t, in, out, len);
    if (n == -EPIPE)
        signal_self(t, SIGPIPE);
    return n;
}

/* ---- vmsplice(2) ---- */

static long vmsplice_move(struct task *t, struct file *f, struct io *io, unsigned flags)
{
    struct actor who;

    if (f->kind & FILE_WRITE) {
        task_actor(t, &who);
        long n = flags & SPLICE_F_NONBLOCK ? file_write(&who, f, io) : rw_write(t, f, io);
        if (n == -EPIPE && flags & SPLICE_F_NONBLOCK)
            signal_self(t, SIGPIPE);
        return n;
    }
    return flags & SPLICE_F_NONBLOCK ? file_read(f, io) : rw_read(t, f, io);
}

long sys_vmsplice(struct task *t, int fd, uptr_t iov_ptr, size_t nr, unsigned flags)
{
    scoped(file) struct file *f = task_file(t, fd);
    struct iov iov;
    struct io io;

    if (flags & ~FLAGS_KNOWN)
        return -EINVAL;
    if (!f || !(f->kind & (FILE_READ | FILE_WRITE)))
        return -EBADF;
    long r = iov_get(t, iov_ptr, nr, &iov, &io);
    if (!r && io.left > 0) /* what there is nothing for is not looked at */
        r = file_is_pipe(f) ? vmsplice_move(t, f, &io, flags) : -EBADF;
    iov_put(&iov);
    return r;
}
