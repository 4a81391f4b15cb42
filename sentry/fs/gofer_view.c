/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small reads of a file that nobody changes, without a call of the host.
 *
 * A call costs as much as copying two pages. So a file that is read in small pieces again
 * and again is mapped here, and its bytes are copied from there to the guest. Only in
 * trees that are exclusive and read-only: its size is then known without asking, and no
 * access time has to move. Where the host cuts it short all the same, the copy ends early,
 * and the host is asked to read: it knows what to say.
 *
 * A view lives as long as the descriptors do (gofer_inode.users).
 */
#include <sys/mman.h>

#include "base/host.h"
#include "sentry/fs/gofer_priv.h"

#define SMALL     ((size_t)16 << 10)  /* bytes: to read more is as fast by a call */
#define READS_MIN 4u                  /* small reads before a file is mapped */
#define VIEW_MAX  ((uint64_t)1 << 30) /* bytes of a file that is mapped at all */

static char *make_view(struct gofer_inode *gi, int fd)
{
    uint64_t size = atomic_load_explicit(&gi->size, memory_order_acquire);
    void *at;

    if (size == 0 || size > VIEW_MAX)
        return NULL;
    /* A call of the host alone, so the lock may be held. */
    mutex_lock(&gi->inode.lock);
    char *view = atomic_load_explicit(&gi->view, memory_order_relaxed);
    if (!view && host_mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0, &at) == 0) {
        view = at;
        gi->view_size = size;
        atomic_store_explicit(&gi->view, view, memory_order_release);
    }
    mutex_unlock(&gi->inode.lock);
    return view;
}

static char *view_of(struct gofer_inode *gi, int fd)
{
    char *view = atomic_load_explicit(&gi->view, memory_order_acquire);

    if (likely(view))
        return view;
    if (atomic_fetch_add_explicit(&gi->small_reads, 1, memory_order_relaxed) + 1 < READS_MIN)
        return NULL;
    return make_view(gi, fd);
}

size_t gofer_view_read(struct gofer_inode *gi, int fd, struct io *io, uint64_t pos)
{
    const struct gofer_sb *sb = gofer_sb_of(gi);

    /* Our own memory is not reached by moves that survive a file cut short. */
    if (sb->shared || !sb->read_only || io->left > SMALL || !io->mm)
        return 0;
    const char *view = view_of(gi, fd);
    if (!view || pos >= gi->view_size)
        return 0;
    ssize_t n = io_put(io, view + pos, (size_t)min((uint64_t)io->left, gi->view_size - pos));
    return n > 0 ? (size_t)n : 0;
}

void gofer_view_drop(struct gofer_inode *gi)
{
    char *view = atomic_exchange_explicit(&gi->view, NULL, memory_order_acq_rel);

    if (!view)
        return;
    int err = host_munmap(view, gi->view_size);
    assert(!err);
}
