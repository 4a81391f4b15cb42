/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory devices: null, zero, full, random, urandom.
 *
 *   source    mem(4), null(4), full(4), random(4)
 */
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <linux/random.h>

#include "sentry/core/rng.h"
#include "sentry/fs/device.h"

#define RANDOM_BITS 256 /* what a seeded generator says it holds */

static ssize_t read_nothing(struct file *f, struct io *io, uint64_t *pos)
{
    (void)f, (void)io, (void)pos;
    return 0;
}

static ssize_t write_anything(struct file *f, struct io *io, uint64_t *pos)
{
    ssize_t size = (ssize_t)io->left;

    (void)f, (void)pos;
    io_skip(io, io->left);
    return size;
}

static ssize_t write_nothing(struct file *f, struct io *io, uint64_t *pos)
{
    (void)f, (void)io, (void)pos;
    return -ENOSPC;
}

static ssize_t read_zeroes(struct file *f, struct io *io, uint64_t *pos)
{
    (void)f, (void)pos;
    return io->left ? io_zero(io, io->left) : 0;
}

/* Every position is the same, and it is 0. */
static int64_t seek_zero(struct file *f, int64_t off, int whence, uint64_t pos)
{
    (void)f, (void)off, (void)whence, (void)pos;
    return 0;
}

/* A mapping of /dev/zero is anonymous memory. */
static int map_zero(struct file *f, int prot, int flags, struct map_source *out)
{
    (void)f, (void)prot, (void)flags;
    *out = (struct map_source){ .mappable = NULL };
    return 0;
}

ssize_t random_read(struct arena *a, struct io *io)
{
    uint8_t bytes[1024];
    size_t done = 0;

    while (io->left > 0) {
        size_t want = min(io->left, sizeof bytes);
        rng_fill(a, bytes, want);
        ssize_t n = io_put(io, bytes, want);
        if (n < 0)
            return done ? (ssize_t)done : n;
        done += (size_t)n;
        if ((size_t)n < want)
            break;
    }
    return (ssize_t)done;
}

static ssize_t read_random(struct file *f, struct io *io, uint64_t *pos)
{
    (void)pos;
    return random_read(f->arena, io);
}

/* What is written to the pool is read, as Linux does, and makes nothing less random. */
static ssize_t write_random(struct file *f, struct io *io, uint64_t *pos)
{
    uint8_t bytes[1024];
    size_t done = 0;

    (void)f, (void)pos;
    while (io->left > 0) {
        size_t want = min(io->left, sizeof bytes);
        ssize_t n = io_take(io, bytes, want);
        if (n < 0)
            return done ? (ssize_t)done : n;
        done += (size_t)n;
        if ((size_t)n < want)
            break;
    }
    return (ssize_t)done;
}

static long random_ioctl(struct file *f, const struct ioctl *c)
{
    int bits = RANDOM_BITS;

    (void)f;
    switch (c->cmd) {
    case RNDGETENTCNT:
        return copy_out_struct(c->mm, uptr(c->arg), &bits);
    case RNDADDTOENTCNT:
    case RNDADDENTROPY:
    case RNDZAPENTCNT:
    case RNDCLEARPOOL:
    case RNDRESEEDCRNG:
        /* Credit for entropy is the host's to give; to root too it changes nothing. */
        return cred_root_capable(c->who->cred, 21 /* CAP_SYS_ADMIN */) ? 0 : -EPERM;
    default:
        return -EINVAL;
    }
}

static const struct file_ops null_ops = {
    .name = "null",
    .read = read_nothing,
    .write = write_anything,
    .seek = seek_zero,
    .release = file_release,
};

static const struct file_ops zero_ops = {
    .name = "zero",
    .read = read_zeroes,
    .write = write_anything,
    .seek = seek_zero,
    .map = map_zero,
    .release = file_release,
};

static const struct file_ops full_ops = {
    .name = "full",
    .read = read_zeroes,
    .write = write_nothing,
    .seek = seek_zero,
    .release = file_release,
};

static const struct file_ops random_ops = {
    .name = "random",
    .read = read_random,
    .write = write_random,
    .seek = file_seek_nowhere,
    .ioctl = random_ioctl,
    .release = file_release,
};

static const struct mem_device {
    unsigned minor;
    uint32_t kind;
    const struct file_ops *ops;
} devices[] = {
    {3,  0,             &null_ops  },
    { 5, 0,             &zero_ops  },
    { 7, 0,             &full_ops  },
    { 8, FILE_POLLABLE, &random_ops},
    { 9, 0,             &random_ops},
};

int mem_open(struct inode *inode, const struct path *at, int flags, const struct actor *who,
             struct file **out)
{
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        const struct mem_device *d = &devices[i];
        if (d->minor != minor(inode->attr.rdev))
            continue;
        int err = file_create(at, inode, d->ops, flags, who, out);
        if (!err)
            (*out)->kind |= d->kind;
        return err;
    }
    return -ENXIO;
}
