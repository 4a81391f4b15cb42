/* SPDX-License-Identifier: Apache-2.0 */
/* A pidfd is readable once its process has ended; it can be read never, and waited for. */
#include "sentry/task/pidfd.h"

#include <fcntl.h>
#include <stdio.h>

#include "sentry/core/slab.h"
#include "sentry/task/task_priv.h"

/* The queue of the file repeats what the pid's queue says. */
struct pidfd {
    struct file file;
    struct pid *pid;       /* [I] a reference */
    struct pid_ns *viewer; /* [I] whose numbers fdinfo shows; a reference */
    struct waiter waiter;  /* on the pid's queue */
};

static struct pidfd *of(struct file *f)
{
    return container_of(f, struct pidfd, file);
}

/* A number that names nothing any more has ended, too. */
static bool has_ended(struct arena *a, struct pid *pid)
{
    struct tasks *ts = tasks_of(a);

    mutex_lock(&ts->lock);
    bool ended = !pid->group || pid->group->zombie;
    mutex_unlock(&ts->lock);
    return ended;
}

static unsigned pidfd_poll(struct file *f)
{
    return has_ended(f->arena, of(f)->pid) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_fdinfo(struct file *f, char *buf, size_t size)
{
    struct pidfd *p = of(f);
    struct tasks *ts = tasks_of(f->arena);

    mutex_lock(&ts->lock);
    bool gone = !p->pid->group;
    mutex_unlock(&ts->lock);
    int n = snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d", gone ? -1 : pid_nr(p->pid, p->viewer),
                     gone ? -1 : pid_nr(p->pid, p->viewer));
    for (uint32_t i = p->viewer->level + 1; !gone && i <= p->pid->level; i++) {
        if (n > 0 && (size_t)n < size)
            n += snprintf(buf + n, size - (size_t)n, "\t%d", p->pid->numbers[i].nr);
    }
    if (n > 0 && (size_t)n < size)
        snprintf(buf + n, size - (size_t)n, "\n");
}

static void pidfd_release(struct file *f)
{
    struct pidfd *p = of(f);

    waitq_del(&p->pid->waitq, &p->waiter);
    pid_put(p->pid);
    pid_ns_put(p->viewer);
    file_destroy(f);
    slab_free(p);
}

static const struct file_ops pidfd_ops = {
    .name = "pidfd",
    .poll = pidfd_poll,
    .fdinfo = pidfd_fdinfo,
    .release = pidfd_release,
};

static void pidfd_wake(struct waiter *w, unsigned bits)
{
    waitq_wake_nested(&container_of(w, struct pidfd, waiter)->file.waitq, bits);
}

static const struct waiter_ops pidfd_waiter_ops = { .wake = pidfd_wake };

static const struct slab_type pidfd_slab =
    SLAB_TYPE(pidfd, struct pidfd,
              .const_ptrs = { PTR_AT(struct pidfd, file.ops), PTR_AT(struct pidfd, waiter.ops) });

int pidfd_create(struct task *t, struct pid *pid, int flags, struct file **out)
{
    struct inode *inode;
    struct pidfd *p = slab_alloc(t->arena, &pidfd_slab);

    if (!p)
        return -ENOMEM;
    int err = anon_inode_create(t->arena, 0600, NULL, &inode);
    if (err) {
        slab_free(p);
        return err;
    }
    file_init(&p->file, t->arena, &pidfd_ops, NULL, inode, O_RDWR | flags, t->cred);
    inode_put(inode);
    p->file.kind |= FILE_STREAM | FILE_POLLABLE;
    p->pid = pid_get(pid);
    p->viewer = pid_ns_get(pid_ns_of(t->pid));
    p->waiter.ops = &pidfd_waiter_ops;
    waitq_add(&pid->waitq, &p->waiter);
    *out = &p->file;
    return 0;
}

int pidfd_install(struct task *t, struct pid *pid, int flags)
{
    scoped(file) struct file *f = NULL;
    int err = pidfd_create(t, pid, flags, &f);

    return err ? err : task_install(t, f, true);
}

void pidfd_uninstall(struct task *t, int fd)
{
    struct actor who;

    task_actor(t, &who);
    int err = fdtable_close(t->files, fd, &who);
    (void)err; /* another thread may have closed it */
}

struct pid *pidfd_pid(const struct file *f)
{
    return f->ops == &pidfd_ops ? of((struct file *)f)->pid : NULL;
}

struct thread_group *pidfd_group(struct arena *a, struct pid *pid)
{
    struct tasks *ts = tasks_of(a);

    mutex_lock(&ts->lock);
    struct thread_group *g = pid->group ? group_get(pid->group) : NULL;
    mutex_unlock(&ts->lock);
    return g;
}
