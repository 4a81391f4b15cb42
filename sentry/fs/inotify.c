/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of inotify and their watches. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "sentry/fs/inotify_priv.h"
#include "sentry/vfs/dentry.h"

#define HOW_BITS (IN_MASK_ADD | IN_MASK_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW)

static const struct slab_type inotify_slab =
    SLAB_TYPE(inotify, struct inotify, .const_ptrs = { PTR_AT(struct inotify, file.ops) });
static const struct slab_type watch_slab = SLAB_TYPE(watch, struct watch);

struct inotify *inotify_of(struct file *f)
{
    return container_of(f, struct inotify, file);
}

static bool watch_less(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct watch, node)->wd < rb_entry(b, struct watch, node)->wd;
}

static struct watch *find_wd(struct inotify *i, int wd)
{
    struct rb_node *n = i->watches.node;

    while (n) {
        struct watch *w = rb_entry(n, struct watch, node);
        if (w->wd == wd)
            return w;
        n = wd < w->wd ? n->left : n->right;
    }
    return NULL;
}

static void unlink_watch(struct watch *w, struct dentry **pin)
{
    *pin = keep(w->pin);
    rb_erase(&w->owner->watches, &w->node);
    w->owner->count--;
    list_del(&w->inode_node);
    vfs_watches_changed(w->owner->file.arena, -1);
}

void inotify_end_watch(struct watch *w, struct dentry **pin)
{
    unlink_watch(w, pin);
    inotify_queue(w->owner, w->wd, IN_IGNORED, 0, NULL);
    slab_free(w);
}

/* ---- the calls ---- */

/* The inode's list of watches, made where there is none. NULL: no memory. */
static struct watches *watches_of(struct inode *inode, struct arena *a)
{
    struct watches *list = atomic_load(&inode->watches);

    if (list)
        return list;
    list = arena_alloc(a, sizeof *list);
    if (!list)
        return NULL;
    list_init(&list->list);
    atomic_store(&inode->watches, list);
    return list;
}

static struct watch *find_on(struct watches *list, const struct inotify *i)
{
    struct watch *w;

    list_for_each (w, &list->list, inode_node) {
        if (w->owner == i)
            return w;
    }
    return NULL;
}

static int next_wd(struct inotify *i)
{
    do {
        i->last_wd = i->last_wd == INT32_MAX ? 1 : i->last_wd + 1;
    } while (find_wd(i, i->last_wd));
    return i->last_wd;
}

static int create_watch(struct inotify *i, struct watches *list, struct dentry *d, uint32_t mask)
{
    if (i->count >= WATCHES_MAX)
        return -ENOSPC;
    struct watch *w = slab_alloc(i->file.arena, &watch_slab);
    if (!w)
        return -ENOMEM;
    w->owner = i;
    w->inode = dentry_inode(d);
    w->pin = dentry_get(d);
    w->mask = mask;
    w->wd = next_wd(i);
    rb_insert(&i->watches, &w->node, watch_less);
    i->count++;
    list_init(&w->inode_node);
    list_push_front(&list->list, &w->inode_node);
    vfs_watches_changed(i->file.arena, 1);
    return w->wd;
}

static int change_watch(struct watch *w, uint32_t how, uint32_t mask)
{
    if (how & IN_MASK_CREATE)
        return -EEXIST;
    w->mask = how & IN_MASK_ADD ? w->mask | mask : mask;
    return w->wd;
}

int inotify_add(struct file *f, const struct path *at, uint32_t mask)
{
    struct inotify *i = inotify_of(f);
    struct mutex *lock = notify_lock(f->arena);
    uint32_t how = mask & HOW_BITS;
    int wd = -ENOMEM;

    mask &= ~(uint32_t)HOW_BITS;
    mutex_lock(lock);
    struct watches *list = watches_of(dentry_inode(at->dentry), f->arena);
    if (list) {
        struct watch *w = find_on(list, i);
        wd = w ? change_watch(w, how, mask) : create_watch(i, list, at->dentry, mask);
    }
    mutex_unlock(lock);
    return wd;
}

int inotify_remove(struct file *f, int wd)
{
    struct inotify *i = inotify_of(f);
    struct mutex *lock = notify_lock(f->arena);
    struct dentry *pin = NULL;

    mutex_lock(lock);
    struct watch *w = find_wd(i, wd);
    if (w)
        inotify_end_watch(w, &pin);
    mutex_unlock(lock);
    dentry_put(pin);
    return w ? 0 : -EINVAL;
}

/* ---- as a file ---- */

static unsigned inotify_poll(struct file *f)
{
    struct mutex *lock = notify_lock(f->arena);

    mutex_lock(lock);
    unsigned ready = inotify_of(f)->queue_len > 0 ? POLLIN | POLLRDNORM : 0;
    mutex_unlock(lock);
    return ready;
}

static long inotify_ioctl(struct file *f, const struct ioctl *c)
{
    struct mutex *lock = notify_lock(f->arena);

    if (c->cmd != FIONREAD)
        return -ENOTTY;
    mutex_lock(lock);
    int size = (int)inotify_queued_size(inotify_of(f));
    mutex_unlock(lock);
    return copy_out_struct(c->mm, uptr(c->arg), &size);
}

static void inotify_fdinfo(struct file *f, char *buf, size_t size)
{
    struct mutex *lock = notify_lock(f->arena);
    struct rb_node *n;
    size_t at = 0;

    buf[0] = '\0';
    mutex_lock(lock);
    rb_for_each (n, &inotify_of(f)->watches) {
        struct watch *w = rb_entry(n, struct watch, node);
        int len =
            snprintf(buf + at, size - at, "inotify wd:%x ino:%jx sdev:%jx mask:%x ignored_mask:0\n",
                     w->wd, (uintmax_t)w->inode->attr.ino, (uintmax_t)w->inode->sb->dev, w->mask);
        if (len < 0 || (size_t)len >= size - at)
            break;
        at += (size_t)len;
    }
    mutex_unlock(lock);
}

/* One watch goes, without a word. False: there is none. */
static bool drop_one(struct inotify *i)
{
    struct mutex *lock = notify_lock(i->file.arena);
    struct dentry *pin = NULL;

    mutex_lock(lock);
    struct watch *w = rb_entry_or_null(i->watches.node, struct watch, node);
    if (w) {
        unlink_watch(w, &pin);
        slab_free(w);
    }
    mutex_unlock(lock);
    dentry_put(pin);
    return w;
}

static void inotify_release(struct file *f)
{
    struct inotify *i = inotify_of(f);
    struct notice *n;

    while (drop_one(i))
        continue;
    while ((n = inotify_pop(i)))
        arena_free(n);
    file_destroy(f);
    slab_free(i);
}

static const struct file_ops inotify_ops = {
    .name = "inotify",
    .read = inotify_read,
    .poll = inotify_poll,
    .seek = file_seek_nowhere,
    .ioctl = inotify_ioctl,
    .fdinfo = inotify_fdinfo,
    .release = inotify_release,
};

bool file_is_inotify(const struct file *f)
{
    return f->ops == &inotify_ops;
}

int inotify_create(struct arena *a, const struct cred *cred, int flags, struct file **out)
{
    scoped(inode) struct inode *inode = NULL;
    int err = anon_inode_create(a, 0600, NULL, &inode);

    if (err)
        return err;
    struct inotify *i = slab_alloc(a, &inotify_slab);
    if (!i)
        return -ENOMEM;
    file_init(&i->file, a, &inotify_ops, NULL, inode, O_RDONLY | (flags & IN_NONBLOCK), cred);
    i->file.kind |= FILE_STREAM | FILE_POLLABLE | FILE_ASYNC;
    list_init(&i->queue);
    *out = &i->file;
    return 0;
}
