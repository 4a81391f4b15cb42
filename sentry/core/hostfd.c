/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table lies outside the arena and never moves, so that a look-up needs no lock:
 * whoever holds a number keeps its row from changing.
 */
#include "sentry/core/hostfd.h"

#include <sys/mman.h>

#include "base/host.h"
#include "base/lock.h"

#define HOSTFD_MAX (1u << 20)

struct hostfds {
    struct mutex lock;          /* RANK_HOSTFD */
    uint32_t low;               /* [l] no row from 1 up to here is free */
    uint32_t end;               /* [l] rows from here on were never used */
    _Atomic int fd[HOSTFD_MAX]; /* [l] for writers: the descriptor and one, 0 where free */
};

static struct hostfds *table(struct arena *a)
{
    return arena_host(a, HOST_FDS);
}

int hostfds_create(struct arena *a)
{
    void *at;
    int err = host_mmap(NULL, sizeof(struct hostfds), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &at);
    if (err)
        return err;
    struct hostfds *t = at;
    mutex_init(&t->lock, RANK_HOSTFD);
    t->low = t->end = 1;
    arena_set_host(a, HOST_FDS, t);
    return 0;
}

void hostfds_destroy(struct arena *a)
{
    struct hostfds *t = table(a);

    if (!t)
        return;
    for (uint32_t n = 1; n < t->end; n++)
        host_close(t->fd[n] - 1);
    int err = host_munmap(t, sizeof *t);
    assert(!err);
    arena_set_host(a, HOST_FDS, NULL);
}

static uint32_t find_row_locked(struct hostfds *t) HOLDS(t->lock);
static uint32_t find_row_locked(struct hostfds *t)
{
    while (t->low < HOSTFD_MAX && t->fd[t->low] != 0)
        t->low++;
    return t->low;
}

int hostfd_add(struct arena *a, int fd, hostfd_t *out)
{
    struct hostfds *t = table(a);

    mutex_lock(&t->lock);
    uint32_t n = find_row_locked(t);
    if (n < HOSTFD_MAX) {
        t->fd[n] = fd + 1;
        t->low = n + 1;
        t->end = max(t->end, n + 1);
    }
    mutex_unlock(&t->lock);
    if (n == HOSTFD_MAX) {
        host_close(fd);
        return -EMFILE;
    }
    out->n = n;
    return 0;
}

int hostfd_get(struct arena *a, hostfd_t h)
{
    struct hostfds *t = table(a);

    assert(h.n < HOSTFD_MAX);
    return atomic_load_explicit(&t->fd[h.n], memory_order_acquire) - 1;
}

void hostfd_del(struct arena *a, hostfd_t h)
{
    struct hostfds *t = table(a);

    if (h.n == 0)
        return;
    assert(h.n < HOSTFD_MAX);
    mutex_lock(&t->lock);
    int fd = t->fd[h.n] - 1;
    t->fd[h.n] = 0;
    t->low = min(t->low, h.n);
    mutex_unlock(&t->lock);
    host_close(fd);
}
