/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host descriptors as files.
 *
 * They are shared with processes outside (a shell's terminal, the other end of a
 * pipeline), so O_NONBLOCK cannot be set on them. A call that must not wait asks for
 * that by itself: MSG_DONTWAIT for sockets, RWF_NOWAIT for all else; where the host
 * knows no such flag for a file, poll(2) says first whether it would wait. Somebody
 * outside may still be faster with the bytes: then the host's thread waits after all,
 * until a signal of the sandbox wakes it (-EINTR, which is -EAGAIN here).
 *
 * Nobody tells us that a pipe has bytes again. So a call that finds nothing, with
 * somebody in the file's queue, arms a watch (hostpoll.h), which wakes the queue.
 *
 * A regular file has its position in the host, shared likewise: `>log 2>&1` must
 * not write two times to the same place.
 */
#include "sentry/fs/hostfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/host.h"
#include "sentry/core/hostpoll.h"
#include "sentry/core/slab.h"
#include "sentry/mm/mm.h"

/* [I] never changes   [a] atomic */
struct hostfile {
    struct file file;
    hostfd_t fd;          /* [I] of the inode */
    uint32_t type;        /* [I] S_IFMT */
    _Atomic bool no_flag; /* [a] the host knows no RWF_NOWAIT for it */
    struct hostpoll_watch watch;
};

static const struct slab_type hostfile_slab = SLAB_TYPE(
    hostfile, struct hostfile,
    .const_ptrs = { PTR_AT(struct hostfile, file.ops), PTR_AT(struct hostfile, watch.ops) },
    .host_ptrs = { PTR_AT(struct hostfile, watch.armed_by) });

static struct hostfile *of(struct file *f)
{
    return container_of(f, struct hostfile, file);
}

static int fd_of(struct file *f)
{
    return hostfd_get(f->arena, of(f)->fd);
}

/* ---- waiting ---- */

static void ready(struct hostpoll_watch *w, unsigned bits)
{
    struct hostfile *h = container_of(w, struct hostfile, watch);

    waitq_wake(&h->file.waitq, bits);
}

static const struct hostpoll_ops watch_ops = { .ready = ready };

/* Somebody in the queue has to be told; who joins it later, looks again, and comes here again. */
static void watch(struct hostfile *h, unsigned events)
{
    if (atomic_load(&h->file.waitq.len) == 0)
        return;
    /* Where the host has no thread to spare: better a turn too many than a sleep without end. */
    if (hostpoll_arm(h->file.arena, &h->watch, h->fd, events) < 0)
        waitq_wake(&h->file.waitq, events);
}

static unsigned ask(struct hostfile *h, unsigned events)
{
    struct pollfd p = { .fd = hostfd_get(h->file.arena, h->fd), .events = (short)events };
    int n = host_ppoll(&p, 1, 0);

    return n > 0 ? (unsigned short)p.revents : 0;
}

static unsigned hostfile_poll(struct file *f)
{
    struct hostfile *h = of(f);
    unsigned events = POLLPRI | POLLRDHUP;

    if (h->type == S_IFREG)
        return POLL_ALWAYS;
    if (f->kind & FILE_READ)
        events |= POLLIN | POLLRDNORM;
    if (f->kind & FILE_WRITE)
        events |= POLLOUT | POLLWRNORM;
    unsigned bits = ask(h, events);
    unsigned missing = events & ~bits;
    if (missing && !(bits & (POLLHUP | POLLERR)))
        watch(h, missing);
    return bits;
}

/* ---- moving ---- */

/* One call of the host on pinned memory, without waiting. */
typedef ssize_t move_fn(struct hostfile *h, int fd, struct io_pin *pin);

static ssize_t receive_some(struct hostfile *h, int fd, struct io_pin *pin)
{
    struct msghdr msg = { .msg_iov = pin->vecs, .msg_iovlen = (size_t)pin->n };

    (void)h;
    return host_recvmsg(fd, &msg, MSG_DONTWAIT);
}

static ssize_t send_some(struct hostfile *h, int fd, struct io_pin *pin)
{
    struct msghdr msg = { .msg_iov = pin->vecs, .msg_iovlen = (size_t)pin->n };

    (void)h;
    return host_sendmsg(fd, &msg, MSG_DONTWAIT);
}

/* With the flag; -EOPNOTSUPP where the host does not know it, which is noted. */
static ssize_t with_flag(struct hostfile *h, int fd, const struct io_pin *pin, bool write)
{
    if (atomic_load_explicit(&h->no_flag, memory_order_relaxed))
        return -EOPNOTSUPP;
    ssize_t n = write ? host_writev_nowait(fd, pin->vecs, pin->n)
                      : host_readv_nowait(fd, pin->vecs, pin->n);
    if (n == -EOPNOTSUPP || n == -EINVAL)
        atomic_store_explicit(&h->no_flag, true, memory_order_relaxed);
    return n == -EINVAL ? -EOPNOTSUPP : n;
}

static ssize_t read_stream(struct hostfile *h, int fd, struct io_pin *pin)
{
    ssize_t n = with_flag(h, fd, pin, false);

    if (n != -EOPNOTSUPP)
        return n;
    if (!ask(h, POLLIN))
        return -EAGAIN;
    return host_readv(fd, pin->vecs, pin->n);
}

/* Cuts what was pinned to `size` bytes. */
static int cut(struct io_pin *pin, size_t size)
{
    int n = 0;

    for (; n < pin->n && size > 0; n++) {
        pin->vecs[n].iov_len = min(pin->vecs[n].iov_len, size);
        size -= pin->vecs[n].iov_len;
    }
    return n;
}

static ssize_t write_stream(struct hostfile *h, int fd, struct io_pin *pin)
{
    ssize_t n = with_flag(h, fd, pin, true);

    if (n != -EOPNOTSUPP)
        return n;
    unsigned bits = ask(h, POLLOUT);
    if (!(bits & (POLLOUT | POLLERR)))
        return -EAGAIN;
    /* As much as a pipe that is ready takes without waiting: pipe(7). */
    struct io_pin part = *pin;
    return host_writev(fd, part.vecs, cut(&part, PIPE_BUF));
}

static ssize_t read_plain(struct hostfile *h, int fd, struct io_pin *pin)
{
    (void)h;
    return host_readv(fd, pin->vecs, pin->n);
}

static ssize_t write_plain(struct hostfile *h, int fd, struct io_pin *pin)
{
    (void)h;
    return host_writev(fd, pin->vecs, pin->n);
}

/*
 * Moves what goes without waiting, in one call of the host: a pipe's atomic writes and
 * a socket's packets stay whole that far.
 */
static ssize_t move(struct hostfile *h, struct io *io, bool into_guest, move_fn *how)
{
    struct io_pin pin;

    if (io->left == 0)
        return 0;
    int err = io_pin(io, io->left, into_guest, &pin);
    if (err)
        return err;
    ssize_t n = how(h, hostfd_get(h->file.arena, h->fd), &pin);
    io_unpin(io, &pin, n > 0 ? (size_t)n : 0);
    return n == -EINTR ? -EAGAIN : n;
}

/* The file's own position is the host's; any other goes with the call. */
static ssize_t move_regular(struct hostfile *h, struct io *io, uint64_t *pos, bool into_guest)
{
    int fd = fd_of(&h->file);
    ssize_t n;

    if (pos == &h->file.pos) {
        n = move(h, io, into_guest, into_guest ? read_plain : write_plain);
        int64_t at = host_lseek(fd, 0, SEEK_CUR);
        if (at >= 0)
            *pos = (uint64_t)at;
        return n;
    }
    struct io_pin pin;
    if (io->left == 0)
        return 0;
    int err = io_pin(io, io->left, into_guest, &pin);
    if (err)
        return err;
    n = into_guest ? host_preadv(fd, pin.vecs, pin.n, (int64_t)*pos)
                   : host_pwritev(fd, pin.vecs, pin.n, (int64_t)*pos);
    io_unpin(io, &pin, n > 0 ? (size_t)n : 0);
    if (n > 0)
        *pos += (uint64_t)n;
    return n == -EINTR ? -EAGAIN : n;
}

static ssize_t hostfile_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct hostfile *h = of(f);

    if (h->type == S_IFREG)
        return move_regular(h, io, pos, true);
    ssize_t n = move(h, io, true, h->type == S_IFSOCK ? receive_some : read_stream);
    if (n == -EAGAIN)
        watch(h, POLLIN);
    return n;
}

static ssize_t hostfile_write(struct file *f, struct io *io, uint64_t *pos)
{
    struct hostfile *h = of(f);

    if (h->type == S_IFREG)
        return move_regular(h, io, pos, false);
    ssize_t n = move(h, io, false, h->type == S_IFSOCK ? send_some : write_stream);
    if (n == -EAGAIN)
        watch(h, POLLOUT);
    return n;
}

/* ---- the rest ---- */

static int64_t hostfile_seek(struct file *f, int64_t off, int whence, uint64_t pos)
{
    (void)pos;
    return host_lseek(fd_of(f), off, whence);
}

static long hostfile_ioctl(struct file *f, const struct ioctl *c)
{
    int n = 0;

    if (c->cmd != FIONREAD)
        return -ENOTTY;
    int err = host_ioctl(fd_of(f), FIONREAD, &n);
    return err < 0 ? err : copy_out(c->mm, uptr(c->arg), &n, sizeof n);
}

static int hostfile_fsync(struct file *f, bool data_only)
{
    return data_only ? host_fdatasync(fd_of(f)) : host_fsync(fd_of(f));
}

static int hostfile_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
    return host_fallocate(fd_of(f), mode, (int64_t)off, (int64_t)len);
}

static void hostfile_release(struct file *f)
{
    struct hostfile *h = of(f);

    hostpoll_disarm(f->arena, &h->watch);
    file_destroy(f);
    slab_free(h);
}

static const struct file_ops hostfile_ops = {
    .name = "host",
    .read = hostfile_read,
    .write = hostfile_write,
    .poll = hostfile_poll,
    .seek = hostfile_seek,
    .ioctl = hostfile_ioctl,
    .fsync = hostfile_fsync,
    .fallocate = hostfile_fallocate,
    .release = hostfile_release,
};

/* ---- its inode, which holds the descriptor ---- */

struct hostfile_inode {
    struct inode inode;
    hostfd_t fd; /* [I] */
};

static const struct slab_type hostfile_inode_slab =
    SLAB_TYPE(hostfile_inode, struct hostfile_inode,
              .const_ptrs = { PTR_AT(struct hostfile_inode, inode.ops) });

static struct hostfile_inode *inode_of(struct inode *i)
{
    return container_of(i, struct hostfile_inode, inode);
}

/*
 * Owners are those of whoever started us, by a number of another user namespace: they
 * are shown as root's, as anything else of that user's is.
 */
static void attr_of(const struct stat *st, const struct superblock *sb, struct attr *out)
{
    *out = (struct attr){
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .ino = st->st_ino,
        .dev = sb->dev,
        .rdev = st->st_rdev,
        .size = (uint64_t)st->st_size,
        .blocks = (uint64_t)st->st_blocks,
        .blksize = (uint32_t)st->st_blksize,
        .atime = st->st_atim,
        .mtime = st->st_mtim,
        .ctime = st->st_ctim,
        .btime = { .tv_nsec = -1 },
    };
}

static int getattr(struct inode *i, struct attr *out)
{
    struct stat st;
    int fd = hostfd_get(i->sb->arena, inode_of(i)->fd);
    int err = fd < 0 ? -EIO : host_fstat(fd, &st);

    if (!err)
        attr_of(&st, i->sb, out);
    return err;
}

static int setattr(struct inode *i, const struct attr_change *c, const struct actor *who)
{
    int fd = hostfd_get(i->sb->arena, inode_of(i)->fd);

    (void)who;
    if (!(c->which & ATTR_SIZE) || c->which & (ATTR_MODE | ATTR_UID | ATTR_GID))
        return -EPERM;
    return fd < 0 ? -EIO : c->size > INT64_MAX ? -EFBIG : host_ftruncate(fd, (int64_t)c->size);
}

static void inode_release(struct inode *i)
{
    struct arena *a = i->sb->arena;
    hostfd_t fd = inode_of(i)->fd;

    inode_destroy(i);
    slab_free(inode_of(i));
    hostfd_del(a, fd);
}

static const struct inode_ops hostfile_inode_ops = {
    .getattr = getattr,
    .setattr = setattr,
    .release = inode_release,
};

/* Takes `fd`. */
static int inode_create(struct arena *a, int fd, struct hostfile_inode **out)
{
    struct hostfile_inode *i;
    struct stat st;
    hostfd_t h;
    int err = host_fstat(fd, &st);

    if (err) {
        host_close(fd);
        return err;
    }
    err = hostfd_add(a, fd, &h);
    if (err)
        return err;
    i = slab_alloc(a, &hostfile_inode_slab);
    if (!i) {
        hostfd_del(a, h);
        return -ENOMEM;
    }
    inode_init(&i->inode, anon_superblock(a), &hostfile_inode_ops, st.st_ino, st.st_mode, 0, 0);
    attr_of(&st, i->inode.sb, &i->inode.attr);
    i->fd = h;
    *out = i;
    return 0;
}

/* A host pipe without a reader is EPIPE to the guest, no signal to us. */
static void ignore_sigpipe(void)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    int err = host_sigaction(SIGPIPE, &ignore, NULL);

    assert(!err);
}

int hostfile_create(struct arena *a, int fd, const struct cred *cred, struct file **out)
{
    struct hostfile_inode *i;
    int flags = host_fcntl(fd, F_GETFL, 0);

    if (flags < 0) {
        host_close(fd);
        return flags;
    }
    int err = inode_create(a, fd, &i);
    if (err)
        return err;
    struct hostfile *h = slab_alloc(a, &hostfile_slab);
    if (!h) {
        inode_put(&i->inode);
        return -ENOMEM;
    }
    ignore_sigpipe();
    file_init(&h->file, a, &hostfile_ops, NULL, &i->inode, flags & (O_ACCMODE | O_APPEND), cred);
    inode_put(&i->inode);
    h->fd = i->fd;
    h->type = i->inode.attr.mode & S_IFMT;
    hostpoll_watch_init(&h->watch, &watch_ops);
    int64_t at = h->type == S_IFREG ? host_lseek(fd, 0, SEEK_CUR) : -ESPIPE;
    if (at >= 0)
        h->file.pos = (uint64_t)at;
    if (h->type != S_IFREG && h->type != S_IFDIR)
        h->file.kind |= FILE_STREAM | FILE_POLLABLE | FILE_WRITE_ALL;
    *out = &h->file;
    return 0;
}
