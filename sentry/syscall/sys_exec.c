/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2), execveat(2). */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/exec.h"

long sys_execve(struct task *t, uptr_t path, uptr_t argv, uptr_t envp)
{
    char name[PATH_MAX];

    int err = task_path(t, path, name);
    if (err)
        return err;
    struct load_request ask = {
        .name = name,
        .walk = WALK_FOLLOW,
        .filename = name,
        .from = t->mm,
        .argv = argv,
        .envp = envp,
    };
    return task_exec(t, &ask);
}

/* How a script's interpreter may open what only a descriptor leads to. */
static void name_by_fd(char *buf, size_t size, int dirfd, const char *name)
{
    if (*name)
        snprintf(buf, size, "/dev/fd/%d/%s", dirfd, name);
    else
        snprintf(buf, size, "/dev/fd/%d", dirfd);
}

long sys_execveat(struct task *t, int dirfd, uptr_t path, uptr_t argv, uptr_t envp, int flags)
{
    char name[PATH_MAX], by_fd[PATH_MAX + 32];
    scoped(file) struct file *hold = NULL;
    struct load_request ask = {
        .name = name, .filename = name, .from = t->mm, .argv = argv, .envp = envp
    };

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int err = task_path(t, path, name);
    if (err)
        return err;
    if (!*name && !(flags & AT_EMPTY_PATH))
        return -ENOENT;
    if (*name != '/' && dirfd != AT_FDCWD) {
        err = task_dirfd(t, dirfd, &hold, &ask.base);
        if (err)
            return err;
        name_by_fd(by_fd, sizeof by_fd, dirfd, name);
        ask.filename = by_fd;
        ask.hidden = fdtable_get_flags(t->files, dirfd) & FD_CLOEXEC;
    }
    ask.walk =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    return task_exec(t, &ask);
}
