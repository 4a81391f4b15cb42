/* SPDX-License-Identifier: Apache-2.0 */
/* RAM itself: a sparse memfd, mapped whole, and the table of its frames. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/host.h"
#include "base/panic.h"
#include "sentry/core/slab.h"
#include "sentry/mm/copy.h"
#include "sentry/mm/frame_table.h"

#define SINGLE_PAGES 32u

static const struct slab_type frames_slab =
    SLAB_TYPE(frames, struct frames, .const_ptrs = { PTR_AT(struct frames, idle.ops) });

/* Takes `fd`. */
static int map_ram(struct ram *r, int fd)
{
    void *at;

    r->fd = fd;
    if (r->fd < 0)
        return r->fd;
    int err = host_ftruncate(r->fd, (int64_t)r->size);
    if (!err)
        err = host_mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd, 0,
                        &at);
    if (err) {
        host_close(r->fd);
        return err;
    }
    r->base = at;
    return 0;
}

static int make_frames(struct arena *a, uint64_t count)
{
    struct frames *f = slab_alloc(a, &frames_slab);
    if (!f)
        return -ENOMEM;
    mutex_init(&f->lock, RANK_FRAMES);
    arena_set_root(a, ROOT_FRAMES, f);
    f->count = count;
    atomic_init(&f->limit, count);
    atomic_init(&f->nfree, count);
    trim_init(f);
    f->table = arena_reserve(a, count * sizeof *f->table);
    f->dirty_of = arena_reserve(a, (count / REGION + 1) * sizeof *f->dirty_of);
    if (!f->table || !f->dirty_of)
        return -ENOMEM;
    mutex_lock(&f->lock);
    buddy_init_locked(f);
    mutex_unlock(&f->lock);
    return 0;
}

/* The host's half. Takes `fd`. */
static int make_ram(struct arena *a, uint64_t size, int fd)
{
    struct ram *r = calloc(1, sizeof *r);
    if (!r) {
        host_close(fd);
        return -ENOMEM;
    }
    r->size = size;
    int err = map_ram(r, fd);
    if (err) {
        free(r);
        return err;
    }
    arena_set_host(a, HOST_RAM, r);
    mem_catch_faults();
    return 0;
}

int ram_attach(struct arena *a, int fd)
{
    return make_ram(a, frames_of(a)->count * PAGE_SIZE, fd);
}

int ram_create(struct arena *a, uint64_t size)
{
    size = page_down(size);
    if (size == 0 || size / PAGE_SIZE >= UINT32_MAX)
        return -EINVAL;
    int err = make_ram(a, size, host_memfd_create("ram", MFD_CLOEXEC));
    if (err)
        return err;
    err = make_frames(a, size / PAGE_SIZE);
    if (!err)
        err = windows_create(a);
    if (err)
        ram_destroy(a);
    return err;
}

void ram_destroy(struct arena *a)
{
    struct ram *r = ram_of(a);
    struct frames *f = frames_of(a);

    windows_destroy(a);
    if (f) {
        arena_free(f->table);
        arena_free(f->dirty_of);
        slab_free(f);
        arena_set_root(a, ROOT_FRAMES, NULL);
    }
    if (r) {
        int err = host_munmap(r->base, r->size);
        assert(!err);
        host_close(r->fd);
        free(r);
        arena_set_host(a, HOST_RAM, NULL);
    }
}

uint64_t ram_total(struct arena *a)
{
    return atomic_load_explicit(&frames_of(a)->limit, memory_order_relaxed) * PAGE_SIZE;
}

uint64_t ram_limit(struct arena *a, uint64_t size)
{
    struct frames *f = frames_of(a);
    uint64_t pages = size / PAGE_SIZE;

    mutex_lock(&f->lock);
    atomic_store(&f->limit, pages && pages < f->count ? pages : f->count);
    mutex_unlock(&f->lock);
    return ram_total(a);
}

uint64_t ram_used(struct arena *a)
{
    const struct frames *f = frames_of(a);

    return (f->count - frames_free(f)) * PAGE_SIZE;
}

int ram_fd(struct arena *a)
{
    return ram_of(a)->fd;
}

/* The next page from `pfn` on that is there, or is not; by SEEK_DATA those count that are swapped
 * out, too, as by mincore() they would not. */
static pfn_t seek(struct arena *a, pfn_t pfn, int whence)
{
    int64_t at = host_lseek(ram_fd(a), (int64_t)(pfn * PAGE_SIZE), whence);

    if (at == -ENXIO && whence == SEEK_DATA)
        return PFN_NONE;
    if (at < 0)
        panic("lseek(RAM, %lu): %ld", pfn, (long)at);
    return (pfn_t)at / PAGE_SIZE;
}

/*
 * SEEK_HOLE looks at each page up to a hole, whatever our end is: at most of a RAM that is nearly
 * full. So the first pages are asked for one by one.
 */
pfn_t ram_find(struct arena *a, pfn_t pfn, pfn_t end, bool data)
{
    pfn_t single = data ? pfn : min(pfn + SINGLE_PAGES, end);

    for (; pfn < single; pfn++)
        if (seek(a, pfn, SEEK_DATA) != pfn)
            return pfn;
    return pfn < end ? min(seek(a, pfn, data ? SEEK_DATA : SEEK_HOLE), end) : end;
}
