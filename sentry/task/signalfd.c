/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who reads or polls looks at its own signals, and waits at its own process's queue. epoll
 * waits at the file's queue, which repeats that of the process that made the file.
 */
#include "sentry/task/signalfd.h"

#include <fcntl.h>
#include <stdio.h>

#include "sentry/core/slab.h"
#include "sentry/task/sigqueue.h"
#include "sentry/task/task_priv.h"

struct signalfd {
    struct file file;
    _Atomic sigset64 set;
    struct thread_group *group; /* [I] a reference */
    struct waiter waiter;       /* on group->signal_waitq */
};

static struct signalfd *of(struct file *f)
{
    return container_of(f, struct signalfd, file);
}

/* As signalfd_copyinfo() decides which members mean something. */
static void translate(const struct abi_siginfo *si, struct abi_signalfd_siginfo *out)
{
    *out = (struct abi_signalfd_siginfo){
        .signo = (uint32_t)si->si_signo,
        .error = si->si_errno,
        .code = si->si_code,
    };
    switch (si->si_code) {
    case SI_TIMER:
        out->tid = (uint32_t)si->timer.id;
        out->overrun = (uint32_t)si->timer.overrun;
        out->ptr = si->timer.value;
        out->int_value = (int32_t)si->timer.value;
        return;
    case SI_USER:
    case SI_TKILL:
    case SI_KERNEL:
        out->pid = (uint32_t)si->rt.pid;
        out->uid = si->rt.uid;
        return;
    default:
        break;
    }
    if (si->si_code < 0) {
        out->pid = (uint32_t)si->rt.pid;
        out->uid = si->rt.uid;
        out->ptr = si->rt.value;
        out->int_value = (int32_t)si->rt.value;
    } else if (si->si_signo == SIGCHLD) {
        out->pid = (uint32_t)si->child.pid;
        out->uid = si->child.uid;
        out->status = si->child.status;
        out->utime = (uint64_t)si->child.utime;
        out->stime = (uint64_t)si->child.stime;
    } else if (si->si_signo == SIGIO) {
        out->band = (uint32_t)si->poll.band;
        out->fd = si->poll.fd;
    } else {
        out->addr = si->fault.addr;
        out->addr_lsb = (uint16_t)si->fault.addr_lsb;
    }
}

static ssize_t signalfd_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct abi_signalfd_siginfo one;
    struct abi_siginfo si;
    ssize_t done = 0;

    (void)pos;
    if (io->left < sizeof one)
        return -EINVAL;
    if (!io->task)
        return -EAGAIN;
    while (io->left >= sizeof one && signal_dequeue(io->task, atomic_load(&of(f)->set), &si)) {
        translate(&si, &one);
        if (io_put(io, &one, sizeof one) != sizeof one)
            return done ? done : -EFAULT;
        done += (ssize_t)sizeof one;
    }
    return done ? done : -EAGAIN;
}

static unsigned signalfd_poll_for(struct file *f, struct task *t)
{
    return signal_pending_set(t) & atomic_load(&of(f)->set) ? POLLIN | POLLRDNORM : 0;
}

static struct waitq *signalfd_waitq_for(struct file *f, struct task *t)
{
    (void)f;
    return signal_waitq(t);
}

/* Nobody knows who will read: any thread of who made it may. */
static unsigned signalfd_poll(struct file *f)
{
    struct signalfd *s = of(f);
    struct task *t;

    mutex_lock(&s->group->lock);
    sigset64 pending = s->group->pending.set;
    list_for_each (t, &s->group->tasks, group_node)
        pending |= t->pending.set;
    mutex_unlock(&s->group->lock);
    return pending & atomic_load(&s->set) ? POLLIN | POLLRDNORM : 0;
}

static void signalfd_fdinfo(struct file *f, char *buf, size_t size)
{
    snprintf(buf, size, "sigmask:\t%016jx\n", (uintmax_t)atomic_load(&of(f)->set));
}

static void signalfd_release(struct file *f)
{
    struct signalfd *s = of(f);

    waitq_del(&s->group->signal_waitq, &s->waiter);
    group_put(s->group);
    file_destroy(f);
    slab_free(s);
}

static const struct file_ops signalfd_ops = {
    .name = "signalfd",
    .read = signalfd_read,
    .poll = signalfd_poll,
    .poll_for = signalfd_poll_for,
    .waitq_for = signalfd_waitq_for,
    .fdinfo = signalfd_fdinfo,
    .release = signalfd_release,
};

static void signalfd_wake(struct waiter *w, unsigned bits)
{
    waitq_wake_nested(&container_of(w, struct signalfd, waiter)->file.waitq, bits);
}

static const struct waiter_ops signalfd_waiter_ops = { .wake = signalfd_wake };

static const struct slab_type signalfd_slab = SLAB_TYPE(
    signalfd, struct signalfd,
    .const_ptrs = { PTR_AT(struct signalfd, file.ops), PTR_AT(struct signalfd, waiter.ops) });

int signalfd_create(struct task *t, sigset64 set, int flags, struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(t->arena, 0600, NULL, &inode);

    if (err)
        return err;
    struct signalfd *s = slab_alloc(t->arena, &signalfd_slab);
    if (!s)
        return -ENOMEM;
    file_init(&s->file, t->arena, &signalfd_ops, NULL, inode, O_RDWR | flags, t->cred);
    s->file.kind |= FILE_STREAM | FILE_POLLABLE;
    atomic_init(&s->set, set & ~SIG_UNBLOCKABLE);
    s->group = group_get(t->group);
    s->waiter.ops = &signalfd_waiter_ops;
    waitq_add(&s->group->signal_waitq, &s->waiter);
    *out = &s->file;
    return 0;
}

bool signalfd_set(struct task *t, struct file *f, sigset64 set)
{
    if (f->ops != &signalfd_ops)
        return false;
    atomic_store(&of(f)->set, set & ~SIG_UNBLOCKABLE);
    waitq_wake(signal_waitq(t), POLLIN);
    waitq_wake(&f->waitq, POLLIN);
    return true;
}
