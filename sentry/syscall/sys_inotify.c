/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7). */
#include <limits.h>
#include <sys/inotify.h>

#include "sentry/fs/inotify.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"
#include "sentry/vfs/dentry.h"

#define KNOWN                                                                               \
    ((uint32_t)(IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK | IN_DONT_FOLLOW | IN_ONLYDIR | \
                IN_MASK_ADD | IN_MASK_CREATE | IN_ISDIR | IN_UNMOUNT | IN_IGNORED |         \
                IN_Q_OVERFLOW))

long sys_inotify_init1(struct task *t, int flags)
{
    scoped(file) struct file *f = NULL;

    if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    int err = inotify_create(t->arena, t->cred, flags, &f);
    return err ? err : task_install(t, f, flags & IN_CLOEXEC);
}

long sys_inotify_init(struct task *t)
{
    return sys_inotify_init1(t, 0);
}

static long add_at(struct file *f, const struct path *at, uint32_t mask, const struct actor *who)
{
    int err = inode_permission(dentry_inode(at->dentry), MAY_READ, who);

    return err ? err : inotify_add(f, at, mask);
}

long sys_inotify_add_watch(struct task *t, int fd, uptr_t path, unsigned mask)
{
    unsigned walk_flags =
        (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) | (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0);
    char name[PATH_MAX];
    struct actor who;
    struct path at;

    if (!(mask & KNOWN))
        return -EINVAL;
    scoped(file) struct file *f = task_file(t, fd);
    if (!f)
        return -EBADF;
    if (mask & IN_MASK_ADD && mask & IN_MASK_CREATE)
        return -EINVAL;
    if (!file_is_inotify(f))
        return -EINVAL;
    long r = task_path(t, path, name);
    if (r)
        return r;
    task_actor(t, &who);
    r = walk(&who, NULL, name, walk_flags, &at);
    if (r)
        return r;
    r = add_at(f, &at, mask, &who);
    path_put(&at);
    return r;
}

long sys_inotify_rm_watch(struct task *t, int fd, int wd)
{
    scoped(file) struct file *f = task_file(t, fd);

    if (!f)
        return -EBADF;
    return file_is_inotify(f) ? inotify_remove(f, wd) : -EINVAL;
}
