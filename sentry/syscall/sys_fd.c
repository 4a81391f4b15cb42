/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors themselves: dup, close_range, ioctl; and how files reach the disk. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "sentry/fs/pty.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/sigio.h"
#include "sentry/task/task.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/rw.h"

long sys_dup(struct task *t, int oldfd)
{
    scoped(file) struct file *f = task_file_any(t, oldfd);

    return f ? task_install(t, f, false) : -EBADF;
}

static long dup_at(struct task *t, int oldfd, int newfd, bool cloexec)
{
    scoped(file) struct file *f = task_file_any(t, oldfd);
    struct actor who;

    if (!f)
        return -EBADF;
    task_actor(t, &who);
    return fdtable_install_at(t->files, f, newfd, cloexec, task_limit(t, RLIMIT_NOFILE), &who);
}

long sys_dup2(struct task *t, int oldfd, int newfd)
{
    if (oldfd == newfd)
        return fdtable_get_flags(t->files, oldfd) < 0 ? -EBADF : newfd;
    return dup_at(t, oldfd, newfd, false);
}

long sys_dup3(struct task *t, int oldfd, int newfd, int flags)
{
    if (flags & ~O_CLOEXEC || oldfd == newfd)
        return -EINVAL;
    return dup_at(t, oldfd, newfd, flags & O_CLOEXEC);
}

/* CLOSE_RANGE_UNSHARE: a table of one's own first. */
static int unshare_files(struct task *t, const struct actor *who)
{
    struct fdtable *copy;

    if (!fdtable_is_shared(t->files))
        return 0;
    int err = fdtable_copy(t->files, &copy);
    if (err)
        return err;
    mutex_lock(&t->lock);
    struct fdtable *old = t->files;
    t->files = copy;
    mutex_unlock(&t->lock);
    fdtable_put(old, who);
    return 0;
}

long sys_close_range(struct task *t, unsigned first, unsigned last, unsigned flags)
{
    struct actor who;

    if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
        return -EINVAL;
    task_actor(t, &who);
    if (flags & CLOSE_RANGE_UNSHARE) {
        int err = unshare_files(t, &who);
        if (err)
            return err;
    }
    return fdtable_close_range(t->files, first, last, flags & CLOSE_RANGE_CLOEXEC, &who);
}

/* ---- ioctl ---- */

static int set_flag(struct file *f, uint32_t flag, bool on)
{
    uint32_t flags = atomic_load_explicit(&f->flags, memory_order_relaxed);
    uint32_t want = on ? flags | flag : flags & ~flag;
    int err = f->ops->set_flags ? f->ops->set_flags(f, (int)want) : 0;

    if (err)
        return err;
    if (on)
        atomic_fetch_or_explicit(&f->flags, flag, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&f->flags, ~flag, memory_order_relaxed);
    return 0;
}

static long ioctl_nonblock(struct task *t, struct file *f, uptr_t arg)
{
    int on;
    int err = copy_in_struct(t->mm, &on, arg);

    return err ? err : set_flag(f, O_NONBLOCK, on != 0);
}

/* O_ASYNC, where the file can have it. */
static long ioctl_async(struct task *t, struct file *f, int fd, uptr_t arg)
{
    int on;
    int err = copy_in_struct(t->mm, &on, arg);

    if (err)
        return err;
    bool is_on = atomic_load_explicit(&f->flags, memory_order_relaxed) & O_ASYNC;
    if (is_on == (on != 0))
        return 0;
    return f->kind & FILE_ASYNC ? sigio_set_async(t, f, fd, on) : -ENOTTY;
}

/* Sockets have ioctls for F_SETOWN and F_GETOWN. */
static long ioctl_owner(struct task *t, struct file *f, unsigned cmd, uptr_t arg)
{
    int pid;

    if (cmd == FIOGETOWN || cmd == SIOCGPGRP) {
        pid = sigio_get_owner_number(t, f);
        return copy_out_struct(t->mm, arg, &pid);
    }
    int err = copy_in_struct(t->mm, &pid, arg);
    return err ? err : sigio_set_owner_number(t, f, pid);
}

static long ioctl_left(struct task *t, struct file *f, uptr_t arg)
{
    struct attr attr;
    int err = inode_getattr(f->inode, &attr);

    if (err)
        return err;
    int left = (int)(attr.size - __atomic_load_n(&f->pos, __ATOMIC_RELAXED));
    return copy_out_struct(t->mm, arg, &left);
}

static long ioctl_block_size(struct task *t, struct file *f, uptr_t arg)
{
    struct statfs st;
    int err = superblock_statfs(f->inode->sb, &st);

    if (err)
        return err;
    int size = (int)st.f_bsize;
    return size == 0 ? -EINVAL : copy_out_struct(t->mm, arg, &size);
}

static long ioctl_of_file(struct task *t, struct file *f, unsigned cmd, uint64_t arg)
{
    struct actor who;

    if (!f->ops->ioctl)
        return -ENOTTY;
    task_actor(t, &who);
    struct ioctl c = { .mm = t->mm, .cmd = cmd, .arg = arg, .who = &who };
    return f->ops->ioctl(f, &c);
}

/* The one command that gives a descriptor. */
static long ioctl_pty_peer(struct task *t, struct file *f, uint64_t flags)
{
    scoped(file) struct file *peer = NULL;
    struct actor who;

    task_actor(t, &who);
    int err = pty_open_peer(f, (int)flags, &who, &peer);
    return err ? err : task_install(t, peer, flags & O_CLOEXEC);
}

long sys_ioctl(struct task *t, int fd, unsigned cmd, uint64_t arg)
{
    scoped(file) struct file *f = task_file(t, fd);

    if (!f)
        return -EBADF;
    bool regular = f->inode && inode_is(f->inode, S_IFREG);
    switch (cmd) {
    case FIOCLEX:
    case FIONCLEX:
        return fdtable_set_flags(t->files, fd, cmd == FIOCLEX ? FD_CLOEXEC : 0);
    case FIONBIO:
        return ioctl_nonblock(t, f, uptr(arg));
    case FIOASYNC:
        return ioctl_async(t, f, fd, uptr(arg));
    case FIOSETOWN:
    case SIOCSPGRP:
    case FIOGETOWN:
    case SIOCGPGRP:
        if (f->inode && inode_is(f->inode, S_IFSOCK))
            return ioctl_owner(t, f, cmd, uptr(arg));
        break;
    case FIONREAD:
        if (regular)
            return ioctl_left(t, f, uptr(arg));
        break;
    case FIGETBSZ:
        if (f->inode)
            return ioctl_block_size(t, f, uptr(arg));
        break;
    case TIOCGPTPEER:
        return ioctl_pty_peer(t, f, arg);
    case FICLONE:
    case FICLONERANGE:
    case FIDEDUPERANGE:
        if (regular)
            return -EOPNOTSUPP;
        break;
    }
    return ioctl_of_file(t, f, cmd, arg);
}

/* ---- to the disk ---- */

static long sync_file(struct task *t, int fd, bool data_only)
{
    scoped(file) struct file *f = task_file(t, fd);

    if (!f)
        return -EBADF;
    return f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
}

long sys_fsync(struct task *t, int fd)
{
    return sync_file(t, fd, false);
}

long sys_fdatasync(struct task *t, int fd)
{
    return sync_file(t, fd, true);
}

long sys_syncfs(struct task *t, int fd)
{
    scoped(file) struct file *f = task_file(t, fd);

    return f ? superblock_sync(f->inode->sb) : -EBADF;
}

static int sync_one(const struct mount_info *m, void *arg)
{
    (void)arg;
    superblock_sync(mount_sb(m->point.mnt)); /* sync(2) tells nobody of errors */
    return 0;
}

long sys_sync(struct task *t)
{
    struct actor who;

    task_actor(t, &who);
    mnt_ns_visit(fs_context_mnt_ns(t->fs), &who, sync_one, NULL);
    return 0;
}

long sys_sync_file_range(struct task *t, int fd, int64_t offset, int64_t nbytes, unsigned flags)
{
    scoped(file) struct file *f = task_file(t, fd);
    int64_t end;

    if (!f)
        return -EBADF;
    if (flags & ~(unsigned)(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER))
        return -EINVAL;
    if (offset < 0 || nbytes < 0 || __builtin_add_overflow(offset, nbytes, &end))
        return -EINVAL;
    switch (inode_mode(f->inode) & S_IFMT) {
    case S_IFREG:
    case S_IFBLK:
    case S_IFDIR:
    case S_IFLNK:
        break;
    default:
        return -ESPIPE;
    }
    return flags && f->ops->fsync ? f->ops->fsync(f, true) : 0;
}
