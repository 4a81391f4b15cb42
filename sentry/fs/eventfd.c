/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventfd(2): a counter behind a descriptor.
 *
 * A write adds to the counter and a read takes from it. The counter stays
 * below UINT64_MAX, so that at any moment a read or a write can go ahead.
 */
#include "sentry/fs/eventfd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "sentry/core/slab.h"

#define COUNT_MAX (UINT64_MAX - 1)

/* [I] never changes   [l] under lock */
struct eventfd {
    struct file file;
    bool semaphore;    /* [I] */
    struct mutex lock; /* RANK_PIPE */
    uint64_t count;    /* [l] at most COUNT_MAX */
};

static const struct slab_type eventfd_slab =
    SLAB_TYPE(eventfd, struct eventfd, .const_ptrs = { PTR_AT(struct eventfd, file.ops) });

static struct eventfd *of(struct file *f)
{
    return container_of(f, struct eventfd, file);
}

static int take_locked(struct eventfd *e, uint64_t *out) HOLDS(e->lock);
static int take_locked(struct eventfd *e, uint64_t *out)
{
    if (e->count == 0)
        return -EAGAIN;
    *out = e->semaphore ? 1 : e->count;
    e->count -= *out;
    return 0;
}

static int add_locked(struct eventfd *e, uint64_t n) HOLDS(e->lock);
static int add_locked(struct eventfd *e, uint64_t n)
{
    if (n > COUNT_MAX - e->count)
        return -EAGAIN;
    e->count += n;
    return 0;
}

static ssize_t eventfd_file_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct eventfd *e = of(f);
    uint64_t n;

    (void)pos;
    if (io->left < sizeof n)
        return -EINVAL;
    mutex_lock(&e->lock);
    int err = take_locked(e, &n);
    mutex_unlock(&e->lock);
    if (err)
        return err;
    waitq_wake(&f->waitq, POLLOUT);
    /* As in Linux, what was taken is gone even where the copy fails. */
    ssize_t put = io_put(io, &n, sizeof n);
    return put < (ssize_t)sizeof n ? -EFAULT : put;
}

int eventfd_add(struct file *f, uint64_t n)
{
    struct eventfd *e = of(f);

    mutex_lock(&e->lock);
    int err = add_locked(e, n);
    mutex_unlock(&e->lock);
    if (!err)
        waitq_wake(&f->waitq, POLLIN);
    return err;
}

static ssize_t eventfd_file_write(struct file *f, struct io *io, uint64_t *pos)
{
    /* A second try after EAGAIN must find the number again. */
    struct io start = *io;
    uint64_t n;

    (void)pos;
    /* As Linux since 6.6, which takes no more than one number. */
    if (io->left != sizeof n)
        return -EINVAL;
    if (io_take(io, &n, sizeof n) < (ssize_t)sizeof n)
        return -EFAULT;
    if (n > COUNT_MAX)
        return -EINVAL;
    int err = eventfd_add(f, n);
    if (err) {
        *io = start;
        return err;
    }
    return sizeof n;
}

static unsigned eventfd_poll(struct file *f)
{
    struct eventfd *e = of(f);

    mutex_lock(&e->lock);
    unsigned ready = (e->count > 0 ? POLLIN : 0) | (e->count < COUNT_MAX ? POLLOUT : 0);
    mutex_unlock(&e->lock);
    return ready;
}

static void eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
    struct eventfd *e = of(f);

    mutex_lock(&e->lock);
    uint64_t count = e->count;
    mutex_unlock(&e->lock);
    snprintf(buf, size, "eventfd-count: %16jx\neventfd-id: %ju\neventfd-semaphore: %d\n",
             (uintmax_t)count, (uintmax_t)f->inode->attr.ino, e->semaphore);
}

static void eventfd_release(struct file *f)
{
    file_destroy(f);
    slab_free(of(f));
}

static const struct file_ops eventfd_ops = {
    .name = "eventfd",
    .read = eventfd_file_read,
    .write = eventfd_file_write,
    .poll = eventfd_poll,
    .seek = file_seek_nowhere,
    .fdinfo = eventfd_fdinfo,
    .release = eventfd_release,
};

bool file_is_eventfd(const struct file *f)
{
    return f->ops == &eventfd_ops;
}

int eventfd_create(struct arena *a, const struct cred *cred, uint32_t count, int flags,
                   struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(a, 0600, NULL, &inode);

    if (err)
        return err;
    struct eventfd *e = slab_alloc(a, &eventfd_slab);
    if (!e)
        return -ENOMEM;
    file_init(&e->file, a, &eventfd_ops, NULL, inode, O_RDWR | (flags & EFD_NONBLOCK), cred);
    e->file.kind |= FILE_STREAM | FILE_POLLABLE;
    mutex_init(&e->lock, RANK_PIPE);
    e->semaphore = flags & EFD_SEMAPHORE;
    e->count = count;
    *out = &e->file;
    return 0;
}
