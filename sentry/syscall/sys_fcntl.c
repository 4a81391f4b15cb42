/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcntl(2) and flock(2).
 *
 *   source    fcntl(2), fcntl_locking(2), flock(2); fs/fcntl.c and fs/locks.c, Linux 6.12
 */
#include <fcntl.h>
#include <sys/file.h>

#include "sentry/fs/pipe.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/syscall/block.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/sigio.h"
#include "sentry/task/signal.h"
#include "sentry/vfs/filelock.h"

#define SETTABLE          (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)
#define F_DUPFD_QUERY_CMD 1027 /* Linux 6.10 */

/* ---- flags ---- */

static void store_flags(struct file *f, uint32_t want)
{
    uint32_t now = atomic_load(&f->flags);

    while (!atomic_compare_exchange_weak(&f->flags, &now,
                                         (want & ~(uint32_t)O_ASYNC) | (now & O_ASYNC)))
        ;
}

static long set_flags(struct task *t, struct file *f, int fd, int flags)
{
    uint32_t now = atomic_load_explicit(&f->flags, memory_order_relaxed);
    int want = (int)(now & ~(uint32_t)SETTABLE) | (flags & SETTABLE);

    if (flags & O_NOATIME && !(now & O_NOATIME) && f->inode &&
        !inode_owner_or_capable(f->inode, t->cred))
        return -EPERM;
    int err = f->ops->set_flags ? f->ops->set_flags(f, want) : 0;
    if (!err && f->kind & FILE_ASYNC && (now ^ (uint32_t)flags) & O_ASYNC)
        err = sigio_set_async(t, f, fd, flags & O_ASYNC);
    if (!err) /* O_ASYNC is as that has left it */
        store_flags(f, (uint32_t)want);
    return err;
}

static long dup_from(struct task *t, struct file *f, uint64_t from, bool cloexec)
{
    uint64_t limit = task_limit(t, RLIMIT_NOFILE);

    if ((uint32_t)from >= limit)
        return -EINVAL;
    return fdtable_install(t->files, f, (int)from, cloexec, limit);
}

/* ---- who gets SIGIO ---- */

static long set_owner_ex(struct task *t, struct file *f, uptr_t arg)
{
    struct f_owner_ex o;
    int err = copy_in_struct(t->mm, &o, arg);

    return err ? err : sigio_set_owner(t, f, &o);
}

static long get_owner_ex(struct task *t, struct file *f, uptr_t arg)
{
    struct f_owner_ex o;

    sigio_get_owner(t, f, &o);
    return copy_out_struct(t->mm, arg, &o);
}

/* ---- record locks ---- */

/* The range of a struct flock as [start, end]. Errors: EINVAL, EOVERFLOW. */
static int range_of(struct file *f, const struct flock *fl, struct record *r)
{
    int64_t base = 0, start, end;
    struct attr attr;

    switch (fl->l_whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = (int64_t)__atomic_load_n(&f->pos, __ATOMIC_RELAXED);
        break;
    case SEEK_END:
        if (inode_getattr(f->inode, &attr))
            return -EINVAL;
        base = (int64_t)attr.size;
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, fl->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (fl->l_len > 0) {
        if (__builtin_add_overflow(start, fl->l_len - 1, &end))
            return -EOVERFLOW;
    } else if (fl->l_len < 0) {
        if (start + fl->l_len < 0)
            return -EINVAL;
        end = start - 1;
        start += fl->l_len;
    } else {
        end = INT64_MAX;
    }
    r->start = (uint64_t)start;
    r->end = (uint64_t)end;
    return 0;
}

static int record_of(struct task *t, struct file *f, const struct flock *fl, bool ofd,
                     struct record *r)
{
    *r = (struct record){
        .owner = ofd ? (const void *)f : (const void *)t->files,
        .pid = ofd ? -1 : task_tgid(t, t),
        .exclusive = fl->l_type == F_WRLCK,
    };
    if (ofd && fl->l_pid != 0)
        return -EINVAL;
    return range_of(f, fl, r);
}

/* Takes the lock, which a wait may come before. */
static long take_lock(struct task *t, struct file *f, const struct record *r, bool wait)
{
    struct record_wait *w = NULL;
    struct waitq *q;
    long n = file_locks_queue(f->inode, &q);

    if (!n && !wait) {
        n = record_try(f->inode, r, NULL);
    } else if (!n) {
        n = BLOCK_ON(t, q, NSEC_NEVER, record_try(f->inode, r, &w));
        record_wait_end(f->inode, w);
    }
    return n == -ENOMEM ? -ENOLCK : n;
}

/*
 * A lock of the process goes when a descriptor of its file is closed. One that was closed by
 * another thread while we waited for the lock did not find it: it goes here, as in fcntl_setlk().
 */
static long keep_lock(struct task *t, struct file *f, int fd)
{
    scoped(file) struct file *now = task_file(t, fd);

    if (now == f)
        return 0;
    file_locks_drop_owner(f->inode, t->files);
    return -EBADF;
}

static long set_lock(struct task *t, struct file *f, int fd, int cmd, uptr_t arg)
{
    bool ofd = cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
    bool wait = cmd == F_SETLKW || cmd == F_OFD_SETLKW;
    struct flock fl;
    struct record r;
    int err = copy_in_struct(t->mm, &fl, arg);

    if (!err)
        err = record_of(t, f, &fl, ofd, &r);
    if (err)
        return err;
    switch (fl.l_type) {
    case F_RDLCK:
        if (!(f->kind & FILE_READ))
            return -EBADF;
        break;
    case F_WRLCK:
        if (!(f->kind & FILE_WRITE))
            return -EBADF;
        break;
    case F_UNLCK:
        err = record_unlock(f->inode, &r);
        return err ? -ENOLCK : 0;
    default:
        return -EINVAL;
    }
    long n = take_lock(t, f, &r, wait);
    return n || ofd ? n : keep_lock(t, f, fd);
}

static long get_lock(struct task *t, struct file *f, uptr_t arg, bool ofd)
{
    struct record r, other;
    struct flock fl;
    int err = copy_in_struct(t->mm, &fl, arg);

    if (err)
        return err;
    if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && !(ofd && fl.l_type == F_UNLCK))
        return -EINVAL;
    err = record_of(t, f, &fl, ofd, &r);
    if (err)
        return err;
    if (record_test(f->inode, &r, &other)) {
        fl.l_type = other.exclusive ? F_WRLCK : F_RDLCK;
        fl.l_whence = SEEK_SET;
        fl.l_start = (int64_t)other.start;
        fl.l_len = other.end == INT64_MAX ? 0 : (int64_t)(other.end - other.start + 1);
        fl.l_pid = other.pid;
    } else {
        fl.l_type = F_UNLCK;
    }
    return copy_out_struct(t->mm, arg, &fl);
}

long sys_flock(struct task *t, int fd, int operation)
{
    scoped(file) struct file *f = task_file(t, fd);
    int op = operation & ~LOCK_NB;
    struct waitq *q;

    if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
        return -EINVAL;
    if (!f)
        return -EBADF;
    if (op != LOCK_UN && !(f->kind & (FILE_READ | FILE_WRITE)))
        return -EBADF;
    if (operation & LOCK_NB || op == LOCK_UN)
        return flock_try(f, op);
    int err = file_locks_queue(f->inode, &q);
    return err ? err : BLOCK_ON(t, q, NSEC_NEVER, flock_try(f, op));
}

/* ---- the switch ---- */

/* Leases would have to be broken by opens; file systems without them answer so. */
static long set_lease(uint64_t type)
{
    switch ((int)type) {
    case F_UNLCK:
        return -EAGAIN; /* there is none to give up */
    default:
        return -EINVAL;
    }
}

/* What an O_PATH descriptor takes too. */
static bool is_fine_for_path(int cmd)
{
    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
    case F_DUPFD_QUERY_CMD:
    case F_GETFD:
    case F_SETFD:
    case F_GETFL:
        return true;
    }
    return false;
}

static long is_same_file(struct task *t, struct file *f, int fd)
{
    scoped(file) struct file *other = task_file_any(t, fd);

    return other ? other == f : -EBADF;
}

static long do_fcntl(struct task *t, struct file *f, int fd, int cmd, uint64_t arg)
{
    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return dup_from(t, f, arg, cmd == F_DUPFD_CLOEXEC);
    case F_DUPFD_QUERY_CMD:
        return is_same_file(t, f, (int)arg);
    case F_GETFD:
        return fdtable_get_flags(t->files, fd);
    case F_SETFD:
        return fdtable_set_flags(t->files, fd, (int)arg & FD_CLOEXEC);
    case F_GETFL:
        return (long)atomic_load_explicit(&f->flags, memory_order_relaxed);
    case F_SETFL:
        return set_flags(t, f, fd, (int)arg);
    case F_GETLK:
    case F_OFD_GETLK:
        return get_lock(t, f, uptr(arg), cmd == F_OFD_GETLK);
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return set_lock(t, f, fd, cmd, uptr(arg));
    case F_SETOWN:
        return sigio_set_owner_number(t, f, (int)arg);
    case F_GETOWN:
        return sigio_get_owner_number(t, f);
    case F_SETOWN_EX:
        return set_owner_ex(t, f, uptr(arg));
    case F_GETOWN_EX:
        return get_owner_ex(t, f, uptr(arg));
    case F_SETSIG:
        return sigio_set_signal(f, arg);
    case F_GETSIG:
        return sigio_get_signal(f);
    case F_SETLEASE:
        return set_lease(arg);
    case F_GETLEASE:
        return F_UNLCK;
    case F_SETPIPE_SZ:
        return pipe_set_size(f, (uint32_t)arg, t->cred);
    case F_GETPIPE_SZ:
        return pipe_size(f);
    case F_ADD_SEALS:
        return tmpfs_add_seals(f, (unsigned)arg);
    case F_GET_SEALS:
        return tmpfs_get_seals(f);
    }
    return -EINVAL;
}

long sys_fcntl(struct task *t, int fd, int cmd, uint64_t arg)
{
    scoped(file) struct file *f = task_file_any(t, fd);

    if (!f || (f->kind & FILE_PATH && !is_fine_for_path(cmd)))
        return -EBADF;
    return do_fcntl(t, f, fd, cmd, arg);
}
