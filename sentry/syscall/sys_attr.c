/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that change: chmod, chown, utimes; sizes: truncate, fallocate. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <utime.h>

#include "sentry/syscall/at.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"
#include "sentry/vfs/dentry.h"

/* ---- the common part ---- */

static int setattr_at(struct task *t, int dirfd, uptr_t path, int flags, struct attr_change *c)
{
    unsigned walk_flags =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    struct path p = { 0 };
    struct at at;
    int err = at_get(t, dirfd, path, flags & AT_EMPTY_PATH ? WALK_EMPTY : 0, &at);

    if (!err && at_is_fd(&at)) {
        err = vfs_setattr_file(&at.who, at.file, c);
    } else if (!err) {
        err = walk(&at.who, at.base, at.name, walk_flags, &p);
        if (!err)
            err = vfs_setattr(&at.who, &p, c);
        path_put(&p);
    }
    at_put(&at);
    return err;
}

static int setattr_fd(struct task *t, int fd, struct attr_change *c)
{
    scoped(file) struct file *f = task_file(t, fd);
    struct actor who;

    if (!f)
        return -EBADF;
    task_actor(t, &who);
    return vfs_setattr_file(&who, f, c);
}

/* ---- chmod ---- */

long sys_fchmodat2(struct task *t, int dirfd, uptr_t path, unsigned mode, int flags)
{
    struct attr_change c = { .which = ATTR_MODE, .mode = mode & 07777 };

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return setattr_at(t, dirfd, path, flags, &c);
}

long sys_fchmodat(struct task *t, int dirfd, uptr_t path, unsigned mode)
{
    return sys_fchmodat2(t, dirfd, path, mode, 0);
}

long sys_chmod(struct task *t, uptr_t path, unsigned mode)
{
    return sys_fchmodat2(t, AT_FDCWD, path, mode, 0);
}

long sys_fchmod(struct task *t, int fd, unsigned mode)
{
    struct attr_change c = { .which = ATTR_MODE, .mode = mode & 07777 };

    return setattr_fd(t, fd, &c);
}

/* ---- chown ---- */

static int owner_change(const struct task *t, uint32_t uid, uint32_t gid, struct attr_change *c)
{
    *c = (struct attr_change){ 0 };
    if (uid != ID_NONE) {
        c->which |= ATTR_UID;
        c->uid = user_ns_uid_in(t->cred->user_ns, uid);
        if (c->uid == ID_NONE)
            return -EINVAL;
    }
    if (gid != ID_NONE) {
        c->which |= ATTR_GID;
        c->gid = user_ns_gid_in(t->cred->user_ns, gid);
        if (c->gid == ID_NONE)
            return -EINVAL;
    }
    return 0;
}

long sys_fchownat(struct task *t, int dirfd, uptr_t path, uint32_t uid, uint32_t gid, int flags)
{
    struct attr_change c;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int err = owner_change(t, uid, gid, &c);
    return err ? err : setattr_at(t, dirfd, path, flags, &c);
}

long sys_chown(struct task *t, uptr_t path, uint32_t uid, uint32_t gid)
{
    return sys_fchownat(t, AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(struct task *t, uptr_t path, uint32_t uid, uint32_t gid)
{
    return sys_fchownat(t, AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(struct task *t, int fd, uint32_t uid, uint32_t gid)
{
    struct attr_change c;
    int err = owner_change(t, uid, gid, &c);

    return err ? err : setattr_fd(t, fd, &c);
}

/* ---- times ---- */

/* Errors: EINVAL. Gives a change of nothing where both are UTIME_OMIT. */
static int times_change(const struct timespec ts[2], struct attr_change *c)
{
    static const struct {
        unsigned set, now;
    } bits[2] = {
        {ATTR_ATIME,  ATTR_ATIME_NOW},
        { ATTR_MTIME, ATTR_MTIME_NOW}
    };

    *c = (struct attr_change){ 0 };
    for (int i = 0; i < 2; i++) {
        if (ts[i].tv_nsec == UTIME_OMIT)
            continue;
        if (ts[i].tv_nsec == UTIME_NOW)
            c->which |= bits[i].now;
        else if (ts[i].tv_nsec < 0 || ts[i].tv_nsec >= NSEC_PER_SEC)
            return -EINVAL;
        c->which |= bits[i].set;
    }
    c->atime = ts[0];
    c->mtime = ts[1];
    return 0;
}

static const struct timespec both_now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };

static long set_times(struct task *t, int dirfd, uptr_t path, const struct timespec ts[2],
                      int flags)
{
    struct attr_change c;
    int err = times_change(ts, &c);

    if (err)
        return err;
    /* A null path means the descriptor itself. */
    if (uptr_is_null(path) && dirfd != AT_FDCWD)
        return flags ? -EINVAL : setattr_fd(t, dirfd, &c);
    return setattr_at(t, dirfd, path, flags, &c);
}

long sys_utimensat(struct task *t, int dirfd, uptr_t path, uptr_t times, int flags)
{
    struct timespec ts[2] = { both_now[0], both_now[1] };

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!uptr_is_null(times)) {
        int err = copy_in(t->mm, ts, times, sizeof ts);
        if (err)
            return err;
        if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
            return 0; /* nothing to do, and so not even the path is looked at */
    }
    return set_times(t, dirfd, path, ts, flags);
}

long sys_futimesat(struct task *t, int dirfd, uptr_t path, uptr_t times)
{
    struct timespec ts[2] = { both_now[0], both_now[1] };
    struct timeval tv[2];

    if (!uptr_is_null(times)) {
        int err = copy_in(t->mm, tv, times, sizeof tv);
        if (err)
            return err;
        for (int i = 0; i < 2; i++) {
            if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
                return -EINVAL;
            ts[i] = (struct timespec){ tv[i].tv_sec, tv[i].tv_usec * NSEC_PER_USEC };
        }
    }
    return set_times(t, dirfd, path, ts, 0);
}

long sys_utimes(struct task *t, uptr_t path, uptr_t times)
{
    return sys_futimesat(t, AT_FDCWD, path, times);
}

long sys_utime(struct task *t, uptr_t path, uptr_t times)
{
    struct timespec ts[2] = { both_now[0], both_now[1] };
    struct utimbuf u;

    if (!uptr_is_null(times)) {
        int err = copy_in_struct(t->mm, &u, times);
        if (err)
            return err;
        ts[0] = (struct timespec){ .tv_sec = u.actime };
        ts[1] = (struct timespec){ .tv_sec = u.modtime };
    }
    return set_times(t, AT_FDCWD, path, ts, 0);
}

/* ---- sizes ---- */

/* RLIMIT_FSIZE also raises a signal; a file system's own limit does not. */
static long size_result(struct task *t, int err, uint64_t size)
{
    if (err == -EFBIG && size > task_limit(t, RLIMIT_FSIZE))
        signal_self(t, SIGXFSZ);
    return err;
}

long sys_truncate(struct task *t, uptr_t path, int64_t length)
{
    struct path p = { 0 };
    struct at at;

    if (length < 0)
        return -EINVAL;
    int err = at_walk(t, AT_FDCWD, path, WALK_FOLLOW, &at, &p);
    if (!err)
        err = vfs_truncate(&at.who, &p, (uint64_t)length);
    path_put(&p);
    at_put(&at);
    return size_result(t, err, (uint64_t)length);
}

long sys_ftruncate(struct task *t, int fd, int64_t length)
{
    struct actor who;

    if (length < 0)
        return -EINVAL;
    scoped(file) struct file *f = task_file(t, fd);
    if (!f)
        return -EBADF;
    task_actor(t, &who);
    return size_result(t, vfs_truncate_file(&who, f, (uint64_t)length), (uint64_t)length);
}

/* Errors: EINVAL, EOPNOTSUPP, in the order of vfs_fallocate(), Linux 6.12. */
static int check_fallocate(int mode, int64_t off, int64_t len)
{
    const int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
                      FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;

    if (off < 0 || len <= 0)
        return -EINVAL;
    if (mode & ~known)
        return -EOPNOTSUPP;
    switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
    case FALLOC_FL_UNSHARE_RANGE:
    case FALLOC_FL_ZERO_RANGE:
        return 0;
    case FALLOC_FL_PUNCH_HOLE:
        return mode & FALLOC_FL_KEEP_SIZE ? 0 : -EOPNOTSUPP;
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
        return mode & FALLOC_FL_KEEP_SIZE ? -EOPNOTSUPP : 0;
    }
    return -EOPNOTSUPP;
}

static int check_fallocate_file(struct task *t, struct file *f, int mode, uint64_t end)
{
    struct attr attr;

    if (!(f->kind & FILE_WRITE))
        return -EBADF;
    switch (inode_mode(f->inode) & S_IFMT) {
    case S_IFREG:
    case S_IFBLK:
        break;
    case S_IFIFO:
        return -ESPIPE;
    case S_IFDIR:
        return -EISDIR;
    default:
        return -ENODEV;
    }
    if (end > INT64_MAX)
        return -EFBIG;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && end > task_limit(t, RLIMIT_FSIZE)) {
        int err = inode_getattr(f->inode, &attr);
        if (err || end > attr.size)
            return err ? err : -EFBIG;
    }
    return 0;
}

long sys_fallocate(struct task *t, int fd, int mode, int64_t offset, int64_t len)
{
    scoped(file) struct file *f = task_file(t, fd);
    struct actor who;

    if (!f)
        return -EBADF;
    int err = check_fallocate(mode, offset, len);
    uint64_t end = (uint64_t)offset + (uint64_t)len;
    if (!err)
        err = check_fallocate_file(t, f, mode, end);
    if (err)
        return size_result(t, err, end);
    if (!f->ops->fallocate)
        return -EOPNOTSUPP;
    task_actor(t, &who);
    err = vfs_written(&who, f->inode);
    return err ? err : f->ops->fallocate(f, mode, (uint64_t)offset, (uint64_t)len);
}
