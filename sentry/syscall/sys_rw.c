/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes by one buffer: read, write, pread, pwrite, lseek; advice about them. */
#include <fcntl.h>
#include <signal.h>

#include "sentry/syscall/rw.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/sigio.h"
#include "sentry/task/signal.h"
#include "sentry/vfs/rw.h"

long rw_read(struct task *t, struct file *f, struct io *io)
{
    return BLOCK(t, f, POLLIN | POLLRDNORM, file_read(f, io));
}

/* Pipes raise it also where a part went over before the readers left; sockets do not. */
static bool raises_sigpipe(const struct file *f, long done)
{
    return !(f->kind & FILE_NO_SIGPIPE) && (done == 0 || !inode_is(f->inode, S_IFSOCK));
}

/* Goes on after a part where the kind of file wants that, until a signal or an error. */
static long write_stream(struct task *t, struct file *f, struct io *io, const struct actor *who)
{
    bool all = f->kind & FILE_WRITE_ALL && !file_nonblock(f);
    long done = 0, n;

    do {
        n = BLOCK(t, f, POLLOUT | POLLWRNORM, file_write(who, f, io));
        if (n == -EPIPE && raises_sigpipe(f, done))
            signal_self(t, SIGPIPE);
        if (n == -EAGAIN)
            sigio_wants_room(f);
        if (n > 0)
            done += n;
    } while (all && n > 0 && io->left > 0);
    return done > 0 ? done : n;
}

static int limit(struct task *t, const struct actor *who, struct file *f, struct io *io,
                 uint64_t pos)
{
    int err = file_limit_write(who, f, io, pos);

    if (err == -EFBIG)
        signal_self(t, SIGXFSZ);
    return err;
}

long rw_write(struct task *t, struct file *f, struct io *io)
{
    struct actor who;

    task_actor(t, &who);
    int err = limit(t, &who, f, io, __atomic_load_n(&f->pos, __ATOMIC_RELAXED));
    return err ? err : write_stream(t, f, io, &who);
}

long rw_read_at(struct task *t, struct file *f, struct io *io, uint64_t pos)
{
    return BLOCK(t, f, POLLIN | POLLRDNORM, file_read_at(f, io, pos));
}

long rw_write_at(struct task *t, struct file *f, struct io *io, uint64_t pos, bool append)
{
    struct actor who;

    task_actor(t, &who);
    int err = limit(t, &who, f, io, pos);
    return err ? err : BLOCK(t, f, POLLOUT | POLLWRNORM, file_write_at(&who, f, io, pos, append));
}

long sys_read(struct task *t, int fd, uptr_t buf, size_t count)
{
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;
    struct io io;
    int err = f ? file_may_read(f) : -EBADF;

    if (!err)
        err = task_io(t, buf, count, &io);
    return err ? err : rw_read(t, f, &io);
}

long sys_write(struct task *t, int fd, uptr_t buf, size_t count)
{
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;
    struct io io;
    int err = f ? file_may_write(f) : -EBADF;

    if (!err)
        err = task_io(t, buf, count, &io);
    return err ? err : rw_write(t, f, &io);
}

long sys_pread64(struct task *t, int fd, uptr_t buf, size_t count, int64_t offset)
{
    if (offset < 0)
        return -EINVAL;
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;
    struct io io;
    int err = !f ? -EBADF : f->kind & FILE_STREAM ? -ESPIPE : file_may_read(f);
    if (!err)
        err = task_io(t, buf, count, &io);
    return err ? err : rw_read_at(t, f, &io, (uint64_t)offset);
}

long sys_pwrite64(struct task *t, int fd, uptr_t buf, size_t count, int64_t offset)
{
    if (offset < 0)
        return -EINVAL;
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;
    struct io io;
    int err = !f ? -EBADF : f->kind & (FILE_STREAM | FILE_NOPWRITE) ? -ESPIPE : file_may_write(f);
    if (!err)
        err = task_io(t, buf, count, &io);
    return err ? err : rw_write_at(t, f, &io, (uint64_t)offset, false);
}

long sys_lseek(struct task *t, int fd, int64_t offset, int whence)
{
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;

    return f ? file_seek(f, offset, whence) : -EBADF;
}

/* Advice: every file here is in memory or the host's page cache, so it is heard and checked only.
 */
long sys_readahead(struct task *t, int fd, int64_t offset, size_t count)
{
    scoped(file) struct file *f = task_file(t, fd);

    (void)offset, (void)count;
    if (!f || !(f->kind & FILE_READ))
        return -EBADF;
    return f->inode && inode_is(f->inode, S_IFREG) ? 0 : -EINVAL;
}

long sys_fadvise64(struct task *t, int fd, int64_t offset, size_t len, int advice)
{
    scoped(file) struct file *f = task_file(t, fd);

    (void)offset;
    if (!f)
        return -EBADF;
    if (f->inode && inode_is(f->inode, S_IFIFO))
        return -ESPIPE;
    if ((int64_t)len < 0)
        return -EINVAL;
    switch (advice) {
    case POSIX_FADV_NORMAL:
    case POSIX_FADV_RANDOM:
    case POSIX_FADV_SEQUENTIAL:
    case POSIX_FADV_WILLNEED:
    case POSIX_FADV_DONTNEED:
    case POSIX_FADV_NOREUSE:
        return 0;
    }
    return -EINVAL;
}
