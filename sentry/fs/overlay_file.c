/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files of an overlay.
 *
 * Each has a file of the layer where it was opened. When its inode has been copied
 * up since, the next use opens the upper one; the lower one stays until the end,
 * since another thread may be in the middle of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "sentry/core/slab.h"
#include "sentry/fs/overlay_priv.h"
#include "sentry/vfs/mount.h"

/* What the guest's open asked for that the layer's file must not do again. */
#define OPEN_ONCE (O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | O_DIRECTORY)

struct overlay_file {
    struct file file;
    int flags;                           /* [I] for opening layers */
    _Atomic(struct file *) lower, upper; /* references; NULL → file once */
};

static const struct slab_type overlay_file_slab = SLAB_TYPE(
    overlay_file, struct overlay_file, .const_ptrs = { PTR_AT(struct overlay_file, file.ops) });

static struct overlay_file *of(struct file *f)
{
    return container_of(f, struct overlay_file, file);
}

static int open_layer(struct overlay_inode *oi, bool upper, int flags, struct file **out)
{
    struct overlay *o = overlay_of(&oi->inode);
    struct path at = overlay_layer_path(oi, upper);
    struct inode *i = dentry_inode(at.dentry);

    return i->ops->open ? i->ops->open(i, &at, flags, &o->actor, out) : -ENXIO;
}

/* Keeps the first that comes. */
static struct file *offer(_Atomic(struct file *) *slot, struct file *f)
{
    struct file *was = NULL;

    if (atomic_compare_exchange_strong_explicit(slot, &was, f, memory_order_acq_rel,
                                                memory_order_acquire))
        return f;
    file_put(f);
    return was;
}

/* The file of the layer where the bytes are now. Borrowed: it stays as long as `f`. */
static int real_file(struct file *f, struct file **out)
{
    struct overlay_file *of_ = of(f);
    struct overlay_inode *oi = overlay_inode_of(f->inode);
    bool upper = overlay_upper(oi) != NULL;
    _Atomic(struct file *) *slot = upper ? &of_->upper : &of_->lower;
    struct file *real = atomic_load_explicit(slot, memory_order_acquire);

    if (unlikely(!real)) {
        int err = open_layer(oi, upper, of_->flags, &real);
        if (err)
            return err;
        real = offer(slot, real);
    }
    /* O_APPEND and its like are the guest's to change. */
    atomic_store_explicit(&real->flags, atomic_load_explicit(&f->flags, memory_order_relaxed),
                          memory_order_relaxed);
    *out = real;
    return 0;
}

static ssize_t overlay_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct file *real;
    int err = real_file(f, &real);

    if (err)
        return err;
    return real->ops->read ? real->ops->read(real, io, pos) : -EINVAL;
}

static ssize_t overlay_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct file *real;
    int err = real_file(f, &real);

    if (err)
        return err;
    return real->ops->write ? real->ops->write(real, io, pos) : -EINVAL;
}

static int64_t overlay_seek(struct file *f, int64_t off, int whence, uint64_t pos)
{
    struct attr a;
    struct file *real;
    int err = real_file(f, &real);

    if (err)
        return err;
    if (real->ops->seek)
        return real->ops->seek(real, off, whence, pos);
    err = inode_getattr(real->inode, &a);
    return err ? err : file_seek_generic(off, whence, pos, a.size, INT64_MAX);
}

static long overlay_ioctl(struct file *f, const struct ioctl *c)
{
    struct file *real;
    int err = real_file(f, &real);

    if (err)
        return err;
    return real->ops->ioctl ? real->ops->ioctl(real, c) : -ENOTTY;
}

static int overlay_fsync(struct file *f, bool data_only)
{
    struct file *real;
    int err = real_file(f, &real);

    if (err)
        return err;
    return real->ops->fsync ? real->ops->fsync(real, data_only) : 0;
}

static int overlay_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
    struct file *real;
    int err = real_file(f, &real);

    if (err)
        return err;
    err = real->ops->fallocate ? real->ops->fallocate(real, mode, off, len) : -EOPNOTSUPP;
    if (!err && mode)
        mappable_zap(&overlay_inode_of(f->inode)->map, off, off + len, false);
    return err;
}

static int overlay_map(struct file *f, int prot, int flags, struct map_source *out)
{
    struct overlay_inode *oi = overlay_inode_of(f->inode);

    (void)prot, (void)flags;
    inode_get(&oi->inode);
    out->mappable = &oi->map;
    out->may_write = f->kind & FILE_WRITE;
    out->may_exec = !f->path.mnt || !(mount_flags(f->path.mnt) & MS_NOEXEC);
    return 0;
}

static void overlay_file_release(struct file *f)
{
    struct overlay_file *file = of(f);

    file_put(atomic_load_explicit(&file->lower, memory_order_relaxed));
    file_put(atomic_load_explicit(&file->upper, memory_order_relaxed));
    file_destroy(f);
    slab_free(file);
}

static const struct file_ops overlay_file_ops = {
    .name = "overlay",
    .read = overlay_read,
    .write = overlay_write,
    .seek = overlay_seek,
    .map = overlay_map,
    .ioctl = overlay_ioctl,
    .fsync = overlay_fsync,
    .fallocate = overlay_fallocate,
    .release = overlay_file_release,
};

int overlay_open_file(struct inode *i, const struct path *at, int flags, const struct actor *who,
                      struct file **out)
{
    struct overlay_inode *oi = overlay_inode_of(i);
    bool writes = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
    struct file *real;
    int err = 0;

    /* What is about to be cut to nothing need not be copied. */
    if (writes || flags & O_TRUNC)
        err = overlay_copy_up(oi, flags & O_TRUNC ? 0 : UINT64_MAX);
    if (err)
        return err;
    struct overlay_file *f = slab_alloc(i->sb->arena, &overlay_file_slab);
    if (!f)
        return -ENOMEM;
    f->flags = flags & ~OPEN_ONCE;
    file_init(&f->file, i->sb->arena, &overlay_file_ops, at, i, flags, who->cred);
    err = real_file(&f->file, &real);
    if (err)
        file_put(&f->file);
    else
        *out = &f->file;
    return err;
}
