/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances of epoll, and what they are interested in.
 *
 * Who takes what, outermost first: the graph of instances, the watchers of the target
 * file, the instance. So an item can be put away from both sides: by epoll_ctl(2) or
 * the end of the instance, which hold a reference to the target, and by the end of the
 * target, which finds the item in its list.
 *
 *   source    epoll(7), epoll_ctl(2); fs/eventpoll.c of Linux 6.6 for the order of errors
 */
#include <fcntl.h>
#include <stdio.h>

#include "sentry/core/slab.h"
#include "sentry/fs/epoll_priv.h"
#include "sentry/fs/fs_priv.h"

/* What EPOLLEXCLUSIVE may stand with. */
#define EXCLUSIVE_BITS \
    ((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))

static const struct slab_type epoll_slab =
    SLAB_TYPE(epoll, struct epoll, .const_ptrs = { PTR_AT(struct epoll, file.ops) });
static const struct slab_type epoll_item_slab = SLAB_TYPE(
    epoll_item, struct epoll_item,
    .const_ptrs = { PTR_AT(struct epoll_item, watch.ops), PTR_AT(struct epoll_item, waiter.ops) });

void epoll_memory_put(struct epoll *ep)
{
    if (ref_put(&ep->memory))
        slab_free(ep);
}

static bool item_less(const struct rb_node *na, const struct rb_node *nb)
{
    const struct epoll_item *a = rb_entry(na, struct epoll_item, node);
    const struct epoll_item *b = rb_entry(nb, struct epoll_item, node);

    return a->file != b->file ? (uintptr_t)a->file < (uintptr_t)b->file : a->fd < b->fd;
}

static struct epoll_item *find_locked(struct epoll *ep, struct file *target, int fd)
    HOLDS(ep->lock);
static struct epoll_item *find_locked(struct epoll *ep, struct file *target, int fd)
{
    const struct epoll_item key = { .file = target, .fd = fd };

    for (struct rb_node *n = ep->items.node; n;) {
        if (item_less(&key.node, n))
            n = n->left;
        else if (item_less(n, &key.node))
            n = n->right;
        else
            return rb_entry(n, struct epoll_item, node);
    }
    return NULL;
}

/* After this nothing leads to the item; its memory is the caller's. */
static void unlink_locked(struct epoll *ep, struct file *target, struct epoll_item *i)
    HOLDS(ep->lock, target->watch_lock);
static void unlink_locked(struct epoll *ep, struct file *target, struct epoll_item *i)
{
    waitq_del(&target->waitq, &i->waiter);
    list_del(&i->watch.node);
    rb_erase(&ep->items, &i->node);
    item_forget_ready(i);
}

static void item_free(struct epoll_item *i)
{
    epoll_memory_put(i->epoll);
    slab_free(i);
}

/* The target is closed for good: called under its watch_lock. */
static void target_gone(struct file_watch *w) UNCHECKED_LOCKS
{
    struct epoll_item *i = container_of(w, struct epoll_item, watch);
    struct epoll *ep = i->epoll;

    mutex_lock(&ep->lock);
    unlink_locked(ep, i->file, i);
    mutex_unlock(&ep->lock);
    item_free(i);
}

const struct file_watch_ops epoll_watch_ops = { .gone = target_gone };

static void set_interest_locked(struct epoll *ep, struct epoll_item *i,
                                const struct epoll_event *event) HOLDS(ep->lock);
static void set_interest_locked(struct epoll *ep, struct epoll_item *i,
                                const struct epoll_event *event)
{
    i->data = event->data.u64;
    /* seq_cst: a wake from now on sees the interest, or the poll below sees its cause. */
    atomic_store(&i->events, event->events | EPOLLERR | EPOLLHUP);
    if (item_poll_locked(ep, i, NULL))
        item_make_ready(i);
}

static int add_locked(struct epoll *ep, int fd, struct file *target,
                      const struct epoll_event *event) HOLDS(ep->lock, target->watch_lock);
static int add_locked(struct epoll *ep, int fd, struct file *target,
                      const struct epoll_event *event)
{
    struct epoll_item *i = slab_alloc(ep->file.arena, &epoll_item_slab);

    if (!i)
        return -ENOMEM;
    ref_get(&ep->memory);
    i->epoll = ep;
    i->file = target;
    i->fd = fd;
    list_init(&i->ready_node);
    list_init(&i->watch.node);
    i->watch.ops = &epoll_watch_ops;
    i->waiter.ops = &epoll_waiter_ops;
    i->waiter.exclusive = event->events & EPOLLEXCLUSIVE;
    rb_insert(&ep->items, &i->node, item_less);
    list_push_back(&target->watches, &i->watch.node);
    waitq_add(&target->waitq, &i->waiter);
    set_interest_locked(ep, i, event);
    return 0;
}

static int modify_locked(struct epoll *ep, struct epoll_item *i, const struct epoll_event *event)
    HOLDS(ep->lock);
static int modify_locked(struct epoll *ep, struct epoll_item *i, const struct epoll_event *event)
{
    if (item_events(i) & EPOLLEXCLUSIVE)
        return -EINVAL;
    set_interest_locked(ep, i, event);
    return 0;
}

/* The item that was taken away comes out, to be freed without a lock. */
static int change_locked(struct epoll *ep, int op, int fd, struct file *target,
                         const struct epoll_event *event, struct epoll_item **gone)
    HOLDS(ep->lock, target->watch_lock);
static int change_locked(struct epoll *ep, int op, int fd, struct file *target,
                         const struct epoll_event *event, struct epoll_item **gone)
{
    struct epoll_item *i = find_locked(ep, target, fd);

    switch (op) {
    case EPOLL_CTL_ADD:
        return i ? -EEXIST : add_locked(ep, fd, target, event);
    case EPOLL_CTL_MOD:
        return i ? modify_locked(ep, i, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (!i)
            return -ENOENT;
        unlink_locked(ep, target, i);
        *gone = i;
        return 0;
    default:
        return -EINVAL;
    }
}

static int change(struct epoll *ep, int op, int fd, struct file *target,
                  const struct epoll_event *event)
{
    struct epoll_item *gone = NULL;

    mutex_lock(&target->watch_lock);
    mutex_lock(&ep->lock);
    int err = change_locked(ep, op, fd, target, event, &gone);
    mutex_unlock(&ep->lock);
    mutex_unlock(&target->watch_lock);
    if (gone)
        item_free(gone);
    return err;
}

static int add_nested(struct epoll *ep, int fd, struct file *target,
                      const struct epoll_event *event)
{
    struct mutex *graph = fs_epoll_graph(ep->file.arena);

    mutex_lock(graph);
    int err = epoll_check_nesting(ep, epoll_of(target));
    if (!err)
        err = change(ep, EPOLL_CTL_ADD, fd, target, event);
    mutex_unlock(graph);
    return err;
}

static int check_exclusive(int op, struct file *target, const struct epoll_event *event)
{
    if (op == EPOLL_CTL_DEL || !(event->events & EPOLLEXCLUSIVE))
        return 0;
    if (op == EPOLL_CTL_MOD)
        return -EINVAL;
    if (file_is_epoll(target) || event->events & ~EXCLUSIVE_BITS)
        return -EINVAL;
    return 0;
}

int epoll_change(struct file *f, int op, int fd, struct file *target,
                 const struct epoll_event *event)
{
    if (!(target->kind & FILE_POLLABLE))
        return -EPERM;
    if (f == target || !file_is_epoll(f))
        return -EINVAL;
    int err = check_exclusive(op, target, event);
    if (err)
        return err;
    if (op == EPOLL_CTL_ADD && file_is_epoll(target))
        return add_nested(epoll_of(f), fd, target, event);
    return change(epoll_of(f), op, fd, target, event);
}

static void epoll_fdinfo(struct file *f, char *buf, size_t size)
{
    struct epoll *ep = epoll_of(f);
    struct rb_node *n;
    size_t at = 0;

    buf[0] = '\0';
    mutex_lock(&ep->lock);
    rb_for_each (n, &ep->items) {
        struct epoll_item *i = rb_entry(n, struct epoll_item, node);
        int len = snprintf(buf + at, size - at,
                           "tfd: %8d events: %8x data: %16jx  pos:%ju ino:%jx sdev:%jx\n", i->fd,
                           item_events(i), (uintmax_t)i->data, (uintmax_t)i->file->pos,
                           (uintmax_t)i->file->inode->attr.ino, (uintmax_t)i->file->inode->sb->dev);
        if (len < 0 || (size_t)len >= size - at)
            break;
        at += (size_t)len;
    }
    mutex_unlock(&ep->lock);
}

/* An item whose file is alive, with a reference to that; those of dying files go with them. */
static struct epoll_item *next_alive(struct epoll *ep)
{
    struct epoll_item *found = NULL;
    struct rb_node *n;

    mutex_lock(&ep->lock);
    rb_for_each (n, &ep->items) {
        struct epoll_item *i = rb_entry(n, struct epoll_item, node);
        if (ref_get_unless_zero(&i->file->ref)) {
            found = i;
            break;
        }
    }
    mutex_unlock(&ep->lock);
    return found;
}

static void epoll_release(struct file *f)
{
    struct epoll *ep = epoll_of(f);
    struct epoll_item *i;

    while ((i = next_alive(ep))) {
        struct file *target = i->file;
        mutex_lock(&target->watch_lock);
        mutex_lock(&ep->lock);
        unlink_locked(ep, target, i);
        mutex_unlock(&ep->lock);
        mutex_unlock(&target->watch_lock);
        item_free(i);
        file_put(target);
    }
    file_destroy(f);
    epoll_memory_put(ep);
}

static const struct file_ops epoll_ops = {
    .name = "eventpoll",
    .poll = epoll_poll,
    .seek = file_seek_nowhere,
    .fdinfo = epoll_fdinfo,
    .release = epoll_release,
};

bool file_is_epoll(const struct file *f)
{
    return f->ops == &epoll_ops;
}

int epoll_file_create(struct arena *a, const struct cred *cred, struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(a, 0600, NULL, &inode);

    if (err)
        return err;
    struct epoll *ep = slab_alloc(a, &epoll_slab);
    if (!ep)
        return -ENOMEM;
    file_init(&ep->file, a, &epoll_ops, NULL, inode, O_RDWR, cred);
    ep->file.kind |= FILE_STREAM | FILE_POLLABLE;
    ref_init(&ep->memory);
    mutex_init(&ep->lock, RANK_EPOLL);
    mutex_init(&ep->ready_lock, RANK_READY);
    list_init(&ep->ready);
    *out = &ep->file;
    return 0;
}
