/* SPDX-License-Identifier: Apache-2.0 */
/* Directories: where a process is and what it sees: chdir, chroot, getcwd, getdents, umask. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>

#include "sentry/syscall/at.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/readdir.h"
#include "sentry/vfs/rw.h"

static int may_enter(const struct actor *who, const struct path *p)
{
    return inode_permission(dentry_inode(p->dentry), MAY_EXEC, who);
}

long sys_chdir(struct task *t, uptr_t path)
{
    struct path p = { 0 };
    struct at at;
    int err = at_walk(t, AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &at, &p);

    if (!err)
        err = may_enter(&at.who, &p);
    if (!err)
        fs_context_set_cwd(t->fs, &p);
    path_put(&p);
    at_put(&at);
    return err;
}

long sys_fchdir(struct task *t, int fd)
{
    scoped(file) struct file *f = task_file_any(t, fd);
    struct actor who;

    if (!f)
        return -EBADF;
    if (!f->inode || !inode_is(f->inode, S_IFDIR) || !path_is_set(&f->path))
        return -ENOTDIR;
    task_actor(t, &who);
    int err = may_enter(&who, &f->path);
    if (!err)
        fs_context_set_cwd(t->fs, &f->path);
    return err;
}

long sys_chroot(struct task *t, uptr_t path)
{
    struct path p = { 0 };
    struct at at;
    int err = at_walk(t, AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &at, &p);

    if (!err)
        err = may_enter(&at.who, &p);
    if (!err && !task_capable(t, CAP_SYS_CHROOT))
        err = -EPERM;
    if (!err)
        fs_context_set_root(t->fs, &p);
    path_put(&p);
    at_put(&at);
    return err;
}

long sys_getcwd(struct task *t, uptr_t buf, size_t size)
{
    char text[PATH_MAX];
    struct actor who;
    struct path cwd;
    ssize_t n = -ENOENT;

    task_actor(t, &who);
    fs_context_cwd(t->fs, &cwd);
    if (!dentry_is_deleted(cwd.dentry))
        n = path_print(&who, &cwd, text, sizeof text);
    path_put(&cwd);
    if (n < 0)
        return n;
    if ((size_t)n + 1 > size)
        return -ERANGE;
    int err = copy_out(t->mm, buf, text, (size_t)n + 1);
    return err ? err : n + 1;
}

long sys_umask(struct task *t, unsigned mask)
{
    return fs_context_set_umask(t->fs, mask);
}

/* ---- getdents ---- */

#define DENTS_CHUNK 8192

/* Gathers entries in the layout of the call; the guest's memory is written in one go. */
struct dents {
    struct dir_sink sink;
    char *buf;
    size_t size, used; /* bytes */
    bool old;          /* getdents(2): the type stands in the last byte of the record */
    bool too_small;    /* not even one fitted */
};

/* struct linux_dirent64 and struct linux_dirent: ino, off, reclen, then type and name or the
 * reverse. */
#define DENT_HEAD 18

static bool add_dent(struct dir_sink *sink, const char *name, size_t len, uint64_t ino,
                     unsigned dtype, uint64_t next)
{
    struct dents *d = container_of(sink, struct dents, sink);
    /* 64: type, name, NUL. Old: name, NUL, type. Both two bytes more than the name. */
    size_t size = (DENT_HEAD + len + 2 + 7) & ~(size_t)7;
    char *at = d->buf + d->used;
    uint16_t reclen = (uint16_t)size;

    if (size > d->size - d->used) {
        d->too_small = d->used == 0;
        return false;
    }
    memset(at + size - 8, 0, 8);
    memcpy(at, &ino, 8);
    memcpy(at + 8, &next, 8);
    memcpy(at + 16, &reclen, 2);
    at[d->old ? size - 1 : DENT_HEAD] = (char)dtype;
    memcpy(at + DENT_HEAD + (d->old ? 0 : 1), name, len);
    at[DENT_HEAD + (d->old ? 0 : 1) + len] = '\0';
    d->used += size;
    return true;
}

static long read_dents(struct task *t, struct file *f, uptr_t to, size_t count, bool old)
{
    char chunk[DENTS_CHUNK] __attribute__((aligned(8)));
    struct dents d = { .sink.add = add_dent, .buf = chunk, .old = old };
    size_t done = 0;
    int err = 0;

    file_pos_take(f);
    do {
        uint64_t pos = f->pos;
        d.used = 0;
        d.size = min(count - done, sizeof chunk);
        err = file_readdir(f, &d.sink, &f->pos);
        if (d.used > 0 && copy_out(t->mm, uptr_at(to, done), chunk, d.used)) {
            f->pos = pos;
            err = -EFAULT;
            break;
        }
        done += d.used;
        /* The rest of the guest's buffer is looked at again only where ours was the limit. */
    } while (!err && d.used > 0 && d.size == sizeof chunk);
    file_pos_drop(f);
    if (done > 0)
        return (long)done;
    return err ? err : d.too_small ? -EINVAL : 0;
}

static long get_dents(struct task *t, int fd, uptr_t to, unsigned count, bool old)
{
    scoped_use use = task_use(t, fd);
    struct file *f = use.file;

    if (!f)
        return -EBADF;
    if (!f->ops->readdir)
        return -ENOTDIR;
    return read_dents(t, f, to, count, old);
}

long sys_getdents(struct task *t, int fd, uptr_t dirp, unsigned count)
{
    return get_dents(t, fd, dirp, count, true);
}

long sys_getdents64(struct task *t, int fd, uptr_t dirp, unsigned count)
{
    return get_dents(t, fd, dirp, count, false);
}
