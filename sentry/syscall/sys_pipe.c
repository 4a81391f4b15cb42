/* SPDX-License-Identifier: Apache-2.0 */
/* pipe(2). */
#include <fcntl.h>

#include "sentry/fs/pipe.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

/* As Linux, which gives the numbers out only after the guest has been told them. */
static long install_both(struct task *t, struct file *const ends[2], bool cloexec, uptr_t pipefd)
{
    int fds[2];
    struct actor who;

    fds[0] = task_install(t, ends[0], cloexec);
    if (fds[0] < 0)
        return fds[0];
    fds[1] = task_install(t, ends[1], cloexec);
    int err = fds[1] < 0 ? fds[1] : copy_out(t->mm, pipefd, fds, sizeof fds);
    if (!err)
        return 0;
    task_actor(t, &who);
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0 && fdtable_close(t->files, fds[i], &who) < 0)
            break; /* another thread closed it first: its affair */
    }
    return err;
}

long sys_pipe2(struct task *t, uptr_t pipefd, int flags)
{
    struct file *ends[2];

    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    int err = pipe_create(t->arena, t->cred, flags, ends);
    if (err)
        return err;
    long r = install_both(t, ends, flags & O_CLOEXEC, pipefd);
    file_put(ends[0]);
    file_put(ends[1]);
    return r;
}

long sys_pipe(struct task *t, uptr_t pipefd)
{
    return sys_pipe2(t, pipefd, 0);
}
