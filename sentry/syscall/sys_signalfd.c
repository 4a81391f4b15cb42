/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2). */
#include <sys/signalfd.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/task/signalfd.h"

long sys_signalfd4(struct task *t, int fd, uptr_t mask, size_t size, int flags)
{
    scoped(file) struct file *f = NULL;
    sigset64 set;

    if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    if (size != sizeof set)
        return -EINVAL;
    if (copy_in_struct(t->mm, &set, mask) != 0)
        return -EFAULT;
    if (fd != -1) {
        f = task_file(t, fd);
        if (!f)
            return -EBADF;
        return signalfd_set(t, f, set) ? fd : -EINVAL;
    }
    int err = signalfd_create(t, set, flags & SFD_NONBLOCK, &f);
    return err ? err : task_install(t, f, flags & SFD_CLOEXEC);
}

long sys_signalfd(struct task *t, int fd, uptr_t mask, size_t size)
{
    return sys_signalfd4(t, fd, mask, size, 0);
}
