/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIFOs: pipes with a name. The first open binds a pipe to the inode, the last close
 * takes it away.
 *
 * An open that needs a partner makes its end at once, which the partner then meets, and
 * counts how often the other kind has been opened: the wait is over when that count has
 * moved, even if the partner is gone again by then.
 *
 *   source    fifo(7); fifo_open() of Linux 6.6
 */
#include <fcntl.h>

#include "sentry/fs/pipe_priv.h"

/* The pipe of the inode, with one more user. */
static int fifo_pipe(struct inode *inode, struct arena *a, struct pipe **out)
{
    mutex_lock(&inode->lock);
    struct pipe *p = inode->bound;
    if (p)
        p->users++;
    else
        inode->bound = p = pipe_alloc(a);
    mutex_unlock(&inode->lock);
    *out = p;
    return p ? 0 : -ENOMEM;
}

static void fifo_leave(struct inode *inode, struct pipe *p)
{
    mutex_lock(&inode->lock);
    bool last = --p->users == 0;
    if (last)
        inode->bound = NULL;
    mutex_unlock(&inode->lock);
    if (last)
        pipe_free(p);
}

static int join_locked(struct pipe *p, struct pipe_end *e, bool nonblock) HOLDS(p->lock);
static int join_locked(struct pipe *p, struct pipe_end *e, bool nonblock)
{
    uint32_t kind = e->file.kind & (FILE_READ | FILE_WRITE);
    /* A pipe of pipe(2), opened through /proc/PID/fd, waits for nobody. */
    bool named = e->file.inode->sb != anon_superblock(e->file.arena);

    if (named && kind == FILE_WRITE && nonblock && p->readers == 0)
        return -ENXIO;
    if (named)
        e->lonely = kind == FILE_READ ? p->writers == 0 : kind == FILE_WRITE && p->readers == 0;
    e->partner_opens = kind == FILE_READ ? p->write_opens : p->read_opens;
    if (kind & FILE_READ) {
        p->readers++;
        p->read_opens++;
        pipe_wake_locked(p, FILE_WRITE, POLLOUT | POLLWRNORM);
    }
    if (kind & FILE_WRITE) {
        p->writers++;
        p->write_opens++;
        pipe_wake_locked(p, FILE_READ, POLLIN | POLLRDNORM);
    }
    list_push_back(&p->ends, &e->node);
    return 0;
}

int fifo_open(struct inode *inode, const struct path *at, int flags, const struct actor *who,
              struct file **out)
{
    struct pipe *p;
    int err = fifo_pipe(inode, who->arena, &p);

    if (err)
        return err;
    struct pipe_end *e = pipe_end_alloc(p, inode, at, flags, who->cred);
    if (!e) {
        fifo_leave(inode, p);
        return -ENOMEM;
    }
    mutex_lock(&p->lock);
    err = join_locked(p, e, flags & O_NONBLOCK);
    if (err)
        /* It never joined: release() is to take away nothing but the user. */
        e->file.kind &= ~(uint32_t)(FILE_READ | FILE_WRITE);
    mutex_unlock(&p->lock);
    if (err) {
        file_put(&e->file);
        return err;
    }
    *out = &e->file;
    return 0;
}

int fifo_await_open(struct file *f)
{
    struct pipe_end *e = pipe_end_of(f);
    struct pipe *p = e->pipe;

    if (!e->lonely)
        return 0;
    mutex_lock(&p->lock);
    uint32_t opens = f->kind & FILE_READ ? p->write_opens : p->read_opens;
    mutex_unlock(&p->lock);
    return opens == e->partner_opens ? -EAGAIN : 0;
}
