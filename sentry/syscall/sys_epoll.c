/* SPDX-License-Identifier: Apache-2.0 */
/* epoll_create(2), epoll_ctl(2), epoll_wait(2) and their younger sisters. */
#include "sentry/fs/epoll.h"
#include "sentry/syscall/block.h"
#include "sentry/syscall/deadline.h"
#include "sentry/syscall/syscalls.h"
#include "sentry/task/signal.h"

#define MAX_EVENTS ((int)(INT32_MAX / sizeof(struct epoll_event)))

long sys_epoll_create1(struct task *t, int flags)
{
    scoped(file) struct file *f = NULL;

    if (flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    int err = epoll_file_create(t->arena, t->cred, &f);
    return err ? err : task_install(t, f, flags & EPOLL_CLOEXEC);
}

long sys_epoll_create(struct task *t, int size)
{
    return size <= 0 ? -EINVAL : sys_epoll_create1(t, 0);
}

long sys_epoll_ctl(struct task *t, int epfd, int op, int fd, uptr_t event)
{
    struct epoll_event e = { .events = 0 };

    if (op != EPOLL_CTL_DEL) {
        int err = copy_in_struct(t->mm, &e, event);
        if (err)
            return err;
    }
    scoped(file) struct file *f = task_file(t, epfd);
    if (!f)
        return -EBADF;
    scoped(file) struct file *target = task_file(t, fd);
    if (!target)
        return -EBADF;
    return epoll_change(f, op, fd, target, &e);
}

/*
 * Not BLOCK(): waiters are exclusive, so that one event wakes one thread, and whoever
 * was woken must look before it leaves for a signal or its deadline.
 */
static long wait_for(struct task *t, struct file *f, struct io *io, int max,
                     const struct deadline *d)
{
    struct block b;
    long n;
    int err = 0;

    block_init(&b, t, &f->waitq);
    b.waiter.exclusive = true;
    while ((n = epoll_collect(f, io, max)) == -EAGAIN && !err)
        err = block_wait(&b, d->at);
    block_done(&b);
    if (n != -EAGAIN)
        return n;
    return err == -ETIMEDOUT ? 0 : -EINTR;
}

static long do_wait(struct task *t, int epfd, uptr_t events, int max, const struct deadline *d)
{
    struct io io;

    if (max <= 0 || max > MAX_EVENTS)
        return -EINVAL;
    int err = task_io(t, events, (size_t)max * sizeof(struct epoll_event), &io);
    if (err)
        return err;
    scoped(file) struct file *f = task_file(t, epfd);
    if (!f)
        return -EBADF;
    if (!file_is_epoll(f))
        return -EINVAL;
    if (!d->at_once)
        return wait_for(t, f, &io, max, d);
    long n = epoll_collect(f, &io, max);
    return n == -EAGAIN ? 0 : n;
}

/* A mask for the length of the wait; null: as it is. */
static int mask(struct task *t, uptr_t sigmask, size_t setsize)
{
    sigset64 set;

    if (uptr_is_null(sigmask))
        return 0;
    int err = signal_copy_set(t, sigmask, setsize, &set);
    if (!err)
        signal_set_temporary(t, set);
    return err;
}

long sys_epoll_wait(struct task *t, int epfd, uptr_t events, int maxevents, int timeout_ms)
{
    struct deadline d = deadline_ms(t, timeout_ms);

    return do_wait(t, epfd, events, maxevents, &d);
}

long sys_epoll_pwait(struct task *t, int epfd, uptr_t events, int maxevents, int timeout_ms,
                     uptr_t sigmask, size_t setsize)
{
    struct deadline d = deadline_ms(t, timeout_ms);
    int err = mask(t, sigmask, setsize);

    return err ? err : do_wait(t, epfd, events, maxevents, &d);
}

long sys_epoll_pwait2(struct task *t, int epfd, uptr_t events, int maxevents, uptr_t timeout,
                      uptr_t sigmask, size_t setsize)
{
    struct deadline d;
    int err = deadline_timespec(t, timeout, &d);

    if (!err)
        err = mask(t, sigmask, setsize);
    return err ? err : do_wait(t, epfd, events, maxevents, &d);
}
