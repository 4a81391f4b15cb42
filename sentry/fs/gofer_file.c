/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open regular files: bytes go between the host's file and the guest's memory in one
 * call of the host, without a copy by us and without the gofer.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/host.h"
#include "sentry/core/slab.h"
#include "sentry/fs/gofer_priv.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/path_ref.h"

struct gofer_file {
    struct file file;
    hostfd_t fd; /* [I] of the inode, which keeps it while it is used */
};

static const struct slab_type gofer_file_slab =
    SLAB_TYPE(gofer_file, struct gofer_file, .const_ptrs = { PTR_AT(struct gofer_file, file.ops) });

static struct gofer_inode *inode_of(const struct file *f)
{
    return gofer_inode_of(f->inode);
}

static int fd_of(const struct file *f)
{
    return hostfd_get(f->arena, container_of(f, const struct gofer_file, file)->fd);
}

/* One call of the host on pinned memory. */
typedef ssize_t move_fn(int fd, const struct iovec *vecs, int n, int64_t off);

static ssize_t append(int fd, const struct iovec *vecs, int n, int64_t off)
{
    (void)off;
    return host_writev_append(fd, vecs, n);
}

/* Moves bytes from `pos` on until the io is done, the host gives less than was asked for, or fails.
 */
static ssize_t move_all(int fd, struct io *io, uint64_t pos, bool into_guest, move_fn *move)
{
    ssize_t done = 0;

    while (io->left > 0) {
        struct io_pin pin;
        int err = io_pin(io, io->left, into_guest, &pin);
        if (err)
            return done ? done : err;
        ssize_t n;
        do
            n = move(fd, pin.vecs, pin.n, (int64_t)(pos + (uint64_t)done));
        while (n == -EINTR);
        bool whole = n == (ssize_t)pin.size;
        io_unpin(io, &pin, n > 0 ? (size_t)n : 0);
        if (n < 0)
            return done ? done : n;
        done += n;
        if (!whole)
            break;
    }
    return done;
}

static ssize_t gofer_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct gofer_inode *gi = inode_of(f);

    if (*pos > INT64_MAX)
        return -EINVAL;
    ssize_t n = (ssize_t)gofer_view_read(gi, fd_of(f), io, *pos);
    if (n == 0)
        n = move_all(fd_of(f), io, *pos, true, host_preadv);
    if (n > 0) {
        *pos += (uint64_t)n;
        /* The host may have moved the access time; where it cannot, nothing is stale. */
        if (!gofer_sb_of(gi)->read_only && !__atomic_load_n(&gi->stale, __ATOMIC_RELAXED)) {
            mutex_lock(&gi->inode.lock);
            gi->stale = true;
            mutex_unlock(&gi->inode.lock);
        }
    }
    return n;
}

/* Where an append ended: the host's file is as long as that, unless others append, too. */
static uint64_t end_of(int fd, uint64_t guess)
{
    struct stat st;

    return host_fstat(fd, &st) < 0 ? guess : (uint64_t)st.st_size;
}

static ssize_t gofer_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct gofer_inode *gi = inode_of(f);
    uint32_t flags = atomic_load_explicit(&f->flags, memory_order_relaxed);
    int fd = fd_of(f), err = 0;
    ssize_t n;

    if (flags & O_APPEND) {
        n = move_all(fd, io, 0, false, append);
        if (n > 0)
            *pos = end_of(fd, *pos + (uint64_t)n);
    } else {
        if (*pos > INT64_MAX)
            return -EINVAL;
        n = move_all(fd, io, *pos, false, host_pwritev);
        if (n > 0)
            *pos += (uint64_t)n;
    }
    if (n <= 0)
        return n;
    gofer_attr_written(gi, *pos);
    if (flags & O_DSYNC)
        err = (flags & O_SYNC) == O_SYNC ? host_fsync(fd) : host_fdatasync(fd);
    return err ? err : n;
}

static int64_t gofer_seek(struct file *f, int64_t off, int whence, uint64_t pos)
{
    struct attr attr;
    int64_t base;

    switch (whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = (int64_t)pos;
        break;
    case SEEK_END: {
        int err = inode_getattr(f->inode, &attr);
        if (err)
            return err;
        base = (int64_t)attr.size;
        break;
    }
    case SEEK_DATA:
    case SEEK_HOLE:
        return host_lseek(fd_of(f), off, whence);
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, off, &base))
        return -EOVERFLOW;
    return base < 0 ? -EINVAL : base;
}

static int gofer_map(struct file *f, int prot, int flags, struct map_source *out)
{
    struct gofer_inode *gi = inode_of(f);

    (void)prot, (void)flags;
    *out = (struct map_source){
        .mappable = &gi->map,
        .may_write = f->kind & FILE_WRITE,
        .may_exec = !f->path.mnt || !(mount_flags(f->path.mnt) & MS_NOEXEC),
    };
    gofer_mappable_ops.get(&gi->map);
    return 0;
}

static int gofer_file_fsync(struct file *f, bool data_only)
{
    return data_only ? host_fdatasync(fd_of(f)) : host_fsync(fd_of(f));
}

static int gofer_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
    struct gofer_inode *gi = inode_of(f);
    int err = host_fallocate(fd_of(f), mode, (int64_t)off, (int64_t)len);

    if (err)
        return err;
    bool keep_size = mode & FALLOC_FL_KEEP_SIZE;
    gofer_attr_written(gi, keep_size || mode & FALLOC_FL_COLLAPSE_RANGE ? 0 : off + len);
    if (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) {
        struct attr attr;
        err = inode_getattr(f->inode, &attr);
        mappable_zap(&gi->map, off, UINT64_MAX, true);
    }
    return err;
}

static void gofer_file_release(struct file *f)
{
    struct gofer_inode *gi = inode_of(f);

    gofer_fds_put(gi);
    file_destroy(f);
    slab_free(container_of(f, struct gofer_file, file));
}

static const struct file_ops gofer_file_ops = {
    .name = "gofer",
    .read = gofer_read,
    .write = gofer_write,
    .seek = gofer_seek,
    .map = gofer_map,
    .fsync = gofer_file_fsync,
    .fallocate = gofer_fallocate,
    .release = gofer_file_release,
};

static unsigned access_of(int flags)
{
    static const unsigned access[] = {
        [O_RDONLY] = GOFER_OPEN_READ,
        [O_WRONLY] = GOFER_OPEN_WRITE,
        [O_RDWR] = GOFER_OPEN_READ | GOFER_OPEN_WRITE,
        [O_ACCMODE] = GOFER_OPEN_READ, /* for ioctls, of which there are none */
    };

    return access[flags & O_ACCMODE];
}

int gofer_open_op(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                  struct file **out)
{
    struct gofer_inode *gi = gofer_inode_of(inode);
    struct gofer_file *f;

    if (inode_is(inode, S_IFDIR))
        return gofer_dir_open(gi, at, flags, who, out);
    if (!inode_is(inode, S_IFREG))
        return -ENXIO;
    f = slab_alloc(who->arena, &gofer_file_slab);
    if (!f)
        return -ENOMEM;
    int err = gofer_fds_get(gi, access_of(flags), &f->fd);
    if (err) {
        slab_free(f);
        return err;
    }
    file_init(&f->file, who->arena, &gofer_file_ops, at, inode, flags, who->cred);
    *out = &f->file;
    return 0;
}
