/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped files: their pages are the host's, seen through windows.
 *
 * A window covers as much of the file as there is when it is made, and some more
 * where the file can grow, for each costs every address space a descriptor. One that
 * is writable serves readers, too.
 */
#include <errno.h>

#include "base/host.h"
#include "sentry/core/slab.h"
#include "sentry/fs/gofer_priv.h"

#define WINDOW_PAGES_MAX (UINT64_C(1) << 20) /* 4 GiB */
#define GROWTH_PAGES     256                 /* 1 MiB */

static const struct slab_type gofer_window_slab = SLAB_TYPE(gofer_window, struct gofer_window);

static struct gofer_inode *of(struct mappable *m)
{
    return container_of(m, struct gofer_inode, map);
}

/* A user keeps both descriptors where they are, so they are read without a lock. */
static int fd_of_user(struct gofer_inode *gi)
{
    hostfd_t fd = { __atomic_load_n(&gi->fd_write.n, __ATOMIC_ACQUIRE) };

    if (fd.n == 0)
        fd.n = __atomic_load_n(&gi->fd_read.n, __ATOMIC_ACQUIRE);
    return hostfd_get(gi->inode.sb->arena, fd);
}

static uint64_t size(struct mappable *m)
{
    struct gofer_inode *gi = of(m);
    struct stat st;
    int fd;

    if (!gofer_sb_of(gi)->shared || (fd = fd_of_user(gi)) < 0 || host_fstat(fd, &st) < 0)
        return atomic_load_explicit(&gi->size, memory_order_acquire);
    return (uint64_t)st.st_size;
}

static struct gofer_window *find_locked(struct gofer_inode *gi, uint64_t index, bool writable)
    HOLDS(gi->map.lock);
static struct gofer_window *find_locked(struct gofer_inode *gi, uint64_t index, bool writable)
{
    struct gofer_window *w;

    list_for_each (w, &gi->windows, node)
        if (index >= w->first && index - w->first < w->count && (w->writable || !writable))
            return w;
    return NULL;
}

static void answer(const struct gofer_window *w, uint64_t index, uint64_t max, uint64_t pages,
                   struct extent *out)
{
    uint64_t end = min(w->first + w->count, pages);

    *out = (struct extent){ .pfn = window_pfn(w->window, index),
                            .count = min(max, end - index),
                            .writable = w->writable };
}

static bool find(struct gofer_inode *gi, uint64_t index, uint64_t max, uint64_t pages,
                 bool writable, struct extent *out)
{
    mutex_lock(&gi->map.lock);
    struct gofer_window *w = find_locked(gi, index, writable);
    if (w)
        answer(w, index, max, pages, out);
    mutex_unlock(&gi->map.lock);
    return w;
}

/* The window for page `index`: from the start of its 4 GiB, or where another ends. */
static int add(struct gofer_inode *gi, hostfd_t fd, uint64_t index, uint64_t pages, bool writable)
{
    struct arena *a = gi->inode.sb->arena;
    struct gofer_window *w = slab_alloc(a, &gofer_window_slab), *other;
    uint64_t first = index & ~(WINDOW_PAGES_MAX - 1), end;
    int err = 0;

    if (!w)
        return -ENOMEM;
    list_init(&w->node);
    end = min(first + WINDOW_PAGES_MAX, pages + (writable ? GROWTH_PAGES : 0));
    mutex_lock(&gi->map.lock);
    if (find_locked(gi, index, writable)) {
        mutex_unlock(&gi->map.lock);
        slab_free(w);
        return 0;
    }
    list_for_each (other, &gi->windows, node)
        if ((other->writable || !writable) && other->first + other->count <= index)
            first = max(first, other->first + other->count);
    err = window_create(a, fd, first, end - first, writable, &w->window);
    if (!err) {
        w->first = first;
        w->count = end - first;
        w->writable = writable;
        list_push_front(&gi->windows, &w->node);
    }
    mutex_unlock(&gi->map.lock);
    if (err)
        slab_free(w);
    return err;
}

static int locate(struct mappable *m, uint64_t index, uint64_t max, unsigned access,
                  struct extent *out)
{
    struct gofer_inode *gi = of(m);
    bool writable = access & PROT_WRITE;
    uint64_t pages = (size(m) + PAGE_SIZE - 1) / PAGE_SIZE;
    hostfd_t fd;

    if (index >= pages)
        return -EFAULT;
    if (writable)
        atomic_store_explicit(&gi->map_written, true, memory_order_relaxed);
    if (find(gi, index, max, pages, writable, out))
        return 0;
    /* Where it is open for writing already, one window does for all. */
    bool both = writable || gi->fd_write.n;
    int err = gofer_fds_get(gi, both ? GOFER_OPEN_READ | GOFER_OPEN_WRITE : GOFER_OPEN_READ, &fd);
    if (err)
        return err == -ENOMEM ? err : -EIO;
    err = add(gi, fd, index, pages, both);
    if (!err && !find(gi, index, max, pages, writable, out))
        err = -EFAULT;
    gofer_fds_put(gi);
    return err;
}

static int write_back(struct mappable *m, uint64_t from, uint64_t to)
{
    int fd = fd_of_user(of(m));

    (void)from, (void)to;
    return fd < 0 ? 0 : host_fdatasync(fd);
}

/* A mapping is a user, as an open file is. */
static void get(struct mappable *m)
{
    inode_get(&of(m)->inode);
    gofer_fds_share(of(m));
}

static void put(struct mappable *m)
{
    gofer_fds_put(of(m));
    inode_put(&of(m)->inode);
}

const struct mappable_ops gofer_mappable_ops = {
    .locate = locate,
    .size = size,
    .sync = write_back,
    .get = get,
    .put = put,
};

void gofer_windows_drop(struct gofer_inode *gi)
{
    struct gofer_window *w;
    struct list gone;

    list_init(&gone);
    mutex_lock(&gi->map.lock);
    list_splice(&gone, &gi->windows);
    mutex_unlock(&gi->map.lock);
    while ((w = list_pop_front(&gone, struct gofer_window, node)) != NULL) {
        window_destroy(w->window);
        slab_free(w);
    }
    atomic_store_explicit(&gi->map_written, false, memory_order_relaxed);
}
