/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that tell of events: eventfd(2), timerfd_create(2). */
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "sentry/fs/eventfd.h"
#include "sentry/fs/timerfd.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/task.h"

#define CAP_WAKE_ALARM 35

long sys_eventfd2(struct task *t, unsigned initval, int flags)
{
    scoped(file) struct file *f = NULL;

    if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
        return -EINVAL;
    int err = eventfd_create(t->arena, t->cred, initval, flags, &f);
    return err ? err : task_install(t, f, flags & EFD_CLOEXEC);
}

long sys_eventfd(struct task *t, unsigned initval)
{
    return sys_eventfd2(t, initval, 0);
}

long sys_timerfd_create(struct task *t, int clockid, int flags)
{
    scoped(file) struct file *f = NULL;
    bool alarm = clockid == CLOCK_REALTIME_ALARM || clockid == CLOCK_BOOTTIME_ALARM;

    if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
        return -EINVAL;
    if (alarm && !task_root_capable(t, CAP_WAKE_ALARM))
        return -EPERM;
    int err = timerfd_file_create(t->arena, t->cred, clockid, flags, &f);
    return err ? err : task_install(t, f, flags & TFD_CLOEXEC);
}

/* The timerfd behind `fd`, given. Errors: EBADF, EINVAL. */
static int timerfd_at(struct task *t, int fd, struct file **out)
{
    scoped(file) struct file *f = task_file(t, fd);

    if (!f)
        return -EBADF;
    if (!file_is_timerfd(f))
        return -EINVAL;
    *out = keep(f);
    return 0;
}

long sys_timerfd_settime(struct task *t, int fd, int flags, uptr_t value, uptr_t old)
{
    scoped(file) struct file *f = NULL;
    struct itimerspec it, was;

    int err = copy_in_struct(t->mm, &it, value);
    if (err)
        return err;
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;
    err = timerfd_at(t, fd, &f);
    if (!err)
        err = timerfd_set(f, flags, &it, &was);
    if (!err && !uptr_is_null(old))
        err = copy_out_struct(t->mm, old, &was);
    return err;
}

long sys_timerfd_gettime(struct task *t, int fd, uptr_t value)
{
    scoped(file) struct file *f = NULL;
    struct itimerspec it;
    int err = timerfd_at(t, fd, &f);

    if (err)
        return err;
    timerfd_get(f, &it);
    return copy_out_struct(t->mm, value, &it);
}
