/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open queue. Messages do not go through read(2) and write(2): a read gives a line about
 * the queue.
 *
 *   source    mq_overview(7), "Mounting the message queue filesystem"
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sentry/ipc/mqueue_priv.h"

#define LINE_SIZE 80 /* FILENT_SIZE: no line is longer */

static const struct file_ops mqueue_file_ops;

static const struct slab_type mqueue_file_slab = SLAB_TYPE(
    mqueue_file, struct mqueue_file, .const_ptrs = { PTR_AT(struct mqueue_file, file.ops) });

static struct mqueue_file *of(struct file *f)
{
    return container_of(f, struct mqueue_file, file);
}

bool file_is_mqueue(const struct file *f)
{
    return f->ops == &mqueue_file_ops;
}

static size_t print_line(struct mqueue *q, const struct task *viewer, char line[LINE_SIZE])
{
    mutex_lock(&q->lock);
    const struct mqueue_notice *n = q->notice;
    snprintf(line, LINE_SIZE, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
             (unsigned long)q->size, n ? n->how : 0, n && n->how == SIGEV_SIGNAL ? n->signo : 0,
             n ? n->ops->pid(n, viewer) : 0);
    mutex_unlock(&q->lock);
    return strlen(line);
}

static ssize_t mqueue_file_read(struct file *f, struct io *io, uint64_t *pos)
{
    char line[LINE_SIZE];
    size_t size = print_line(mqueue_of(f->inode), io->task, line);

    if (*pos >= size)
        return 0;
    ssize_t n = io_put(io, line + *pos, min(size - (size_t)*pos, io->left));
    if (n > 0)
        *pos += (uint64_t)n;
    if (n >= 0)
        inode_touch(f->inode, ATTR_ATIME);
    return n;
}

static unsigned mqueue_file_poll(struct file *f)
{
    return mqueue_ready(mqueue_of(f->inode));
}

/* A process that closes any descriptor of the queue is not told any more. */
static void mqueue_file_flush(struct file *f, const struct actor *who)
{
    struct mqueue_notice *n = who->task ? mqueue_take_notice(mqueue_of(f->inode), who->task) : NULL;

    if (n)
        n->ops->release(n);
}

static void mqueue_file_release(struct file *f)
{
    struct mqueue *q = mqueue_of(f->inode);

    mutex_lock(&q->lock);
    list_del(&of(f)->node);
    mutex_unlock(&q->lock);
    file_destroy(f);
    slab_free(of(f));
}

static const struct file_ops mqueue_file_ops = {
    .name = "mqueue",
    .read = mqueue_file_read,
    .poll = mqueue_file_poll,
    .flush = mqueue_file_flush,
    .release = mqueue_file_release,
};

int mqueue_open_file(struct inode *i, const struct path *at, int flags, const struct actor *who,
                     struct file **out)
{
    struct mqueue *q = mqueue_of(i);
    struct mqueue_file *f = slab_alloc(who->arena, &mqueue_file_slab);

    if (!f)
        return -ENOMEM;
    file_init(&f->file, who->arena, &mqueue_file_ops, at, i, flags, who->cred);
    f->file.kind |= FILE_POLLABLE;
    list_init(&f->node);
    mutex_lock(&q->lock);
    list_push_back(&q->files, &f->node);
    mutex_unlock(&q->lock);
    *out = &f->file;
    return 0;
}
