/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes as files: two ends, each a file of its own, over one ring.
 *
 * A pipe lives as long as it has users: its ends, and openers of a FIFO on their way.
 * That count is under the lock of the inode, to which a FIFO's pipe is bound while
 * it has one; the pipe of pipe(2) is found through its ends only.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "sentry/fs/pipe_priv.h"

static const struct file_ops pipe_ops;

static const struct slab_type pipe_slab = SLAB_TYPE(pipe, struct pipe);
static const struct slab_type pipe_end_slab =
    SLAB_TYPE(pipe_end, struct pipe_end, .const_ptrs = { PTR_AT(struct pipe_end, file.ops) });

struct pipe_end *pipe_end_of(struct file *f)
{
    return container_of(f, struct pipe_end, file);
}

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_ops;
}

struct pipe *pipe_of(const struct file *f)
{
    return file_is_pipe(f) ? container_of(f, struct pipe_end, file)->pipe : NULL;
}

struct pipe *pipe_alloc(struct arena *a)
{
    struct pipe *p = slab_alloc(a, &pipe_slab);

    if (!p)
        return NULL;
    mutex_init(&p->lock, RANK_PIPE);
    list_init(&p->ends);
    p->arena = a;
    p->slots = p->first;
    p->mask = PIPE_SLOTS - 1;
    p->limit = PIPE_SLOTS;
    p->users = 1;
    return p;
}

void pipe_free(struct pipe *p)
{
    ring_destroy(p);
    slab_free(p);
}

struct pipe_end *pipe_end_alloc(struct pipe *p, struct inode *inode, const struct path *at,
                                int flags, const struct cred *cred)
{
    struct pipe_end *e = slab_alloc(p->arena, &pipe_end_slab);

    if (!e)
        return NULL;
    file_init(&e->file, p->arena, &pipe_ops, at, inode, flags, cred);
    e->file.kind |= FILE_STREAM | FILE_POLLABLE | FILE_ASYNC | FILE_WRITE_ALL;
    e->pipe = p;
    list_init(&e->node);
    return e;
}

void pipe_wake_locked(struct pipe *p, uint32_t kind, unsigned bits)
{
    struct pipe_end *e;

    list_for_each (e, &p->ends, node) {
        if (e->file.kind & kind)
            waitq_wake(&e->file.waitq, bits);
    }
}

static ssize_t pipe_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct pipe *p = pipe_end_of(f)->pipe;

    (void)pos;
    if (io->left == 0)
        return 0;
    mutex_lock(&p->lock);
    ssize_t n = ring_is_empty(p) && p->writers > 0 ? -EAGAIN : ring_read_locked(p, io);
    if (n > 0)
        pipe_wake_locked(p, FILE_WRITE, POLLOUT | POLLWRNORM);
    mutex_unlock(&p->lock);
    return n;
}

static ssize_t pipe_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct pipe *p = pipe_end_of(f)->pipe;
    bool packets = atomic_load_explicit(&f->flags, memory_order_relaxed) & O_DIRECT;

    (void)pos;
    if (io->left == 0)
        return 0;
    mutex_lock(&p->lock);
    ssize_t n = p->readers == 0 ? -EPIPE : ring_write_locked(p, io, packets);
    if (n > 0)
        pipe_wake_locked(p, FILE_READ, POLLIN | POLLRDNORM);
    mutex_unlock(&p->lock);
    return n;
}

static unsigned pipe_poll(struct file *f)
{
    struct pipe_end *e = pipe_end_of(f);
    struct pipe *p = e->pipe;
    unsigned ready = 0;

    mutex_lock(&p->lock);
    if (f->kind & FILE_READ) {
        if (!ring_is_empty(p))
            ready |= POLLIN | POLLRDNORM;
        /* A reader that never met a writer has not been hung up on. */
        if (p->writers == 0 && !(e->lonely && e->partner_opens == p->write_opens))
            ready |= POLLHUP;
    }
    if (f->kind & FILE_WRITE) {
        if (!ring_is_full(p))
            ready |= POLLOUT | POLLWRNORM;
        if (p->readers == 0)
            ready |= POLLERR;
    }
    mutex_unlock(&p->lock);
    return ready;
}

static long pipe_ioctl(struct file *f, const struct ioctl *c)
{
    struct pipe *p = pipe_end_of(f)->pipe;

    if (c->cmd != FIONREAD)
        return -ENOTTY;
    mutex_lock(&p->lock);
    uint64_t size = ring_size_locked(p);
    mutex_unlock(&p->lock);
    int n = size > INT32_MAX ? INT32_MAX : (int)size;
    return copy_out_struct(c->mm, uptr(c->arg), &n);
}

/* One user less. Whoever is the last unbinds the pipe, so that the next open makes a new one. */
static void pipe_leave(struct pipe *p, struct inode *inode)
{
    mutex_lock(&inode->lock);
    bool last = --p->users == 0;
    if (last && inode->bound == p)
        inode->bound = NULL;
    mutex_unlock(&inode->lock);
    if (last)
        pipe_free(p);
}

static void pipe_release(struct file *f)
{
    struct pipe_end *e = pipe_end_of(f);
    struct pipe *p = e->pipe;

    mutex_lock(&p->lock);
    list_del(&e->node);
    if (f->kind & FILE_READ)
        p->readers--;
    if (f->kind & FILE_WRITE)
        p->writers--;
    if ((f->kind & FILE_READ) && p->readers == 0)
        pipe_wake_locked(p, FILE_WRITE, POLLOUT | POLLWRNORM | POLLERR);
    if ((f->kind & FILE_WRITE) && p->writers == 0)
        pipe_wake_locked(p, FILE_READ, POLLIN | POLLRDNORM | POLLHUP);
    mutex_unlock(&p->lock);
    pipe_leave(p, f->inode);
    file_destroy(f);
    slab_free(e);
}

long pipe_size(struct file *f)
{
    struct pipe *p = pipe_of(f);

    if (!p)
        return -EBADF;
    mutex_lock(&p->lock);
    long size = (long)(p->limit * PAGE_SIZE);
    mutex_unlock(&p->lock);
    return size;
}

static int resize_locked(struct pipe *p, uint32_t count, bool unlimited) HOLDS(p->lock);
static int resize_locked(struct pipe *p, uint32_t count, bool unlimited)
{
    if (count > p->limit && count * PAGE_SIZE > PIPE_MAX_SIZE && !unlimited)
        return -EPERM;
    bool was_full = ring_is_full(p);
    int err = ring_resize_locked(p, count);
    if (err)
        return err;
    p->limit = count;
    if (was_full && !ring_is_full(p))
        pipe_wake_locked(p, FILE_WRITE, POLLOUT | POLLWRNORM);
    return 0;
}

long pipe_set_size(struct file *f, uint64_t size, const struct cred *cred)
{
    struct pipe *p = pipe_of(f);

    if (!p)
        return -EBADF;
    if (size > PIPE_SLOTS_MAX * PAGE_SIZE)
        return -EINVAL;
    uint32_t count = 1;
    while (count * PAGE_SIZE < size)
        count *= 2;
    bool unlimited = cred_root_capable(cred, 24 /* CAP_SYS_RESOURCE */);
    mutex_lock(&p->lock);
    int err = resize_locked(p, count, unlimited);
    mutex_unlock(&p->lock);
    return err ? err : (long)(count * PAGE_SIZE);
}

static const struct file_ops pipe_ops = {
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .await_open = fifo_await_open,
    .release = pipe_release,
};

int pipe_create(struct arena *a, const struct cred *cred, int flags, struct file *out[2])
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(a, S_IFIFO | 0600, cred, &inode);

    if (err)
        return err;
    struct pipe *p = pipe_alloc(a);
    if (!p)
        return -ENOMEM;
    struct pipe_end *r = pipe_end_alloc(p, inode, NULL, O_RDONLY | (flags & O_NONBLOCK), cred);
    if (!r) {
        pipe_free(p);
        return -ENOMEM;
    }
    p->readers = p->read_opens = 1;
    list_push_back(&p->ends, &r->node);
    struct pipe_end *w =
        pipe_end_alloc(p, inode, NULL, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), cred);
    if (!w) {
        file_put(&r->file);
        return -ENOMEM;
    }
    /* Nobody else has the inode yet. Bound to it, the pipe can be opened again: /proc/PID/fd. */
    inode->bound = p;
    p->users = 2;
    p->writers = p->write_opens = 1;
    list_push_back(&p->ends, &w->node);
    out[0] = &r->file;
    out[1] = &w->file;
    return 0;
}
