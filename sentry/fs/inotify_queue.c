/* SPDX-License-Identifier: Apache-2.0 */
/* Events that wait for a reader. Past the limit there is one that says so, and no more. */
#include <string.h>

#include "sentry/fs/inotify_priv.h"

static size_t padded(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    return len ? (len + 1 + NAME_UNIT - 1) / NAME_UNIT * NAME_UNIT : 0;
}

static bool repeats(const struct inotify *i, int wd, uint32_t mask, const char *name)
{
    const struct notice *last = list_last(&i->queue, struct notice, node);

    if (!last || last->event.mask & IN_IGNORED || last->event.mask != mask ||
        last->event.wd != wd || last->event.len != padded(name))
        return false;
    return !last->event.len || strcmp(last->name, name) == 0;
}

void inotify_queue(struct inotify *i, int wd, uint32_t mask, uint32_t cookie, const char *name)
{
    if (repeats(i, wd, mask, name))
        return;
    if (i->queue_len >= QUEUE_MAX) {
        if (i->queue_len > QUEUE_MAX)
            return;
        wd = -1;
        mask = IN_Q_OVERFLOW;
        cookie = 0;
        name = NULL;
    }
    size_t size = padded(name);
    struct notice *n = arena_alloc(i->file.arena, sizeof *n + size);
    if (!n)
        return; /* as Linux: without memory an event is lost */
    n->event.wd = wd;
    n->event.mask = mask;
    n->event.cookie = cookie;
    n->event.len = (uint32_t)size;
    if (size)
        memcpy(n->name, name, strlen(name));
    list_init(&n->node);
    list_push_back(&i->queue, &n->node);
    i->queue_len++;
    waitq_wake(&i->file.waitq, POLLIN | POLLRDNORM);
}

struct notice *inotify_pop(struct inotify *i)
{
    struct notice *n = list_pop_front(&i->queue, struct notice, node);

    if (n)
        i->queue_len--;
    return n;
}

/* The next that fits into `room`. *err: EAGAIN where there is none, EINVAL where it does not fit.
 */
static struct notice *next_that_fits(struct inotify *i, size_t room, int *err)
{
    struct mutex *lock = notify_lock(i->file.arena);
    struct notice *n = NULL;

    mutex_lock(lock);
    struct notice *first = list_first(&i->queue, struct notice, node);
    *err = !first ? -EAGAIN : sizeof first->event + first->event.len > room ? -EINVAL : 0;
    if (!*err)
        n = inotify_pop(i);
    mutex_unlock(lock);
    return n;
}

ssize_t inotify_read(struct file *f, struct io *io, uint64_t *pos)
{
    struct notice *n;
    size_t done = 0;
    int err;

    (void)pos;
    while ((n = next_that_fits(inotify_of(f), io->left, &err))) {
        size_t size = sizeof n->event + n->event.len;
        ssize_t put = io_put(io, &n->event, size);
        arena_free(n);
        if (put < (ssize_t)size) {
            err = -EFAULT;
            break;
        }
        done += size;
    }
    return done ? (ssize_t)done : err;
}

uint32_t inotify_queued_size(struct inotify *i)
{
    struct notice *n;
    uint32_t size = 0;

    list_for_each (n, &i->queue, node)
        size += (uint32_t)sizeof n->event + n->event.len;
    return size;
}
