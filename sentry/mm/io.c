/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers between an object and whoever asked. */
#include "sentry/mm/io.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/host.h"
#include "sentry/mm/copy.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/mm_priv.h"

void io_kernel(struct io *io, void *buf, size_t size)
{
    *io = (struct io){
        .nvecs = 1, .left = size, .one = {buf, size}
    };
    io->vecs = &io->one;
}

static bool is_in_reach(const struct mm *mm, const struct iovec *v)
{
    uint64_t end = mm_task_size(mm), at = (uintptr_t)v->iov_base;

    return at <= end && v->iov_len <= end - at;
}

int io_user(struct io *io, struct mm *mm, uptr_t buf, size_t size)
{
    *io = (struct io){
        .mm = mm, .nvecs = 1, .left = min(size, IO_MAX), .one = {(void *)(uintptr_t)buf.va, size}
    };
    io->vecs = &io->one;
    return is_in_reach(mm, &io->one) ? 0 : -EFAULT;
}

int io_user_vec(struct io *io, struct mm *mm, const struct iovec *vecs, size_t n)
{
    uint64_t left = 0;

    for (size_t i = 0; i < n; i++) {
        /* lib/iov_iter.c, import_iovec(): a negative length before a bad address */
        if (vecs[i].iov_len > SSIZE_MAX)
            return -EINVAL;
        if (!is_in_reach(mm, &vecs[i]))
            return -EFAULT;
        left = min(left + vecs[i].iov_len, (uint64_t)IO_MAX);
    }
    *io = (struct io){ .mm = mm, .vecs = vecs, .nvecs = n, .left = left };
    return 0;
}

/* The next bytes that lie together: where, and how many. */
static uint64_t here(struct io *io, uint64_t *size)
{
    while (io->at == io->vecs->iov_len) {
        assert(io->nvecs > 1);
        io->vecs++;
        io->nvecs--;
        io->at = 0;
    }
    *size = min(io->vecs->iov_len - io->at, io->left);
    return (uintptr_t)io->vecs->iov_base + io->at;
}

void io_skip(struct io *io, size_t size)
{
    assert(size <= io->left);
    while (size > 0) {
        uint64_t n;
        here(io, &n);
        n = min(n, (uint64_t)size);
        io->at += n;
        io->left -= n;
        io->done += n;
        size -= n;
    }
}

enum way { PUT, TAKE, ZERO };

/* Gives how many bytes went, or -EFAULT. */
static ssize_t move(struct io *io, uint64_t at, char *buf, size_t size, enum way way)
{
    if (io->mm) {
        switch (way) {
        case PUT:
            return copy_out_some(io->mm, uptr(at), buf, size);
        case TAKE:
            return copy_in_some(io->mm, buf, uptr(at), size);
        case ZERO:
            return copy_zero_some(io->mm, uptr(at), size);
        }
    }
    void *own = (void *)(uintptr_t)at;
    if (way == PUT)
        memcpy(own, buf, size);
    else if (way == TAKE)
        memcpy(buf, own, size);
    else
        memset(own, 0, size);
    return (ssize_t)size;
}

static ssize_t transfer(struct io *io, char *buf, size_t size, enum way way)
{
    size_t done = 0;

    size = min(size, io->left);
    while (done < size) {
        uint64_t n;
        uint64_t at = here(io, &n);
        n = min(n, (uint64_t)(size - done));
        ssize_t got = move(io, at, buf ? buf + done : NULL, n, way);
        if (got < 0)
            return done ? (ssize_t)done : got;
        io_skip(io, (size_t)got);
        done += (size_t)got;
        if ((uint64_t)got < n)
            break;
    }
    return (ssize_t)done;
}

ssize_t io_put(struct io *io, const void *buf, size_t size)
{
    return transfer(io, (char *)(uintptr_t)buf, size, PUT);
}

ssize_t io_take(struct io *io, void *buf, size_t size)
{
    return transfer(io, buf, size, TAKE);
}

ssize_t io_zero(struct io *io, size_t size)
{
    return transfer(io, NULL, size, ZERO);
}

/* ---- pinned memory ---- */

/* Adds a run of pages to the pin. False: no room is left. */
static bool pin_run(struct arena *a, struct io_pin *pin, pfn_t pfn, char *at, uint64_t size,
                    uint64_t pages)
{
    if (pin->n == (int)ARRAY_LEN(pin->vecs))
        return false;
    pfn_pin(a, pfn, pages);
    pin->vecs[pin->n] = (struct iovec){ at, size };
    pin->held[pin->n] = pfn;
    pin->n++;
    pin->size += size;
    return true;
}

/* Pins what lies in one piece of guest memory. False: there is no going on. */
static bool pin_locked(struct mm *mm, uint64_t va, uint64_t size, unsigned want, struct io_pin *pin)
    HOLDS(mm->lock);
static bool pin_locked(struct mm *mm, uint64_t va, uint64_t size, unsigned want, struct io_pin *pin)
{
    while (size > 0) {
        pfn_t pfn;
        char *at;
        uint64_t n = copy_run(mm, va, size, want, &pfn);
        if (n == 0) {
            if (fault_locked(mm, va, want) != FAULT_DONE)
                return false;
            continue;
        }
        uint64_t off = va & PAGE_MASK;
        if (pfn_ptr(mm->arena, pfn, &at) ||
            !pin_run(mm->arena, pin, pfn, at + off, n, (off + n + PAGE_MASK) / PAGE_SIZE))
            return false;
        va += n;
        size -= n;
    }
    return true;
}

static int pin_user(struct io *io, size_t size, unsigned want, struct io_pin *out)
{
    struct io ahead = *io;
    struct mm *mm = io->mm;

    if (io->vecs == &io->one)
        ahead.vecs = &ahead.one;
    mm_enter(mm);
    /* Before the first page: a fault on the next may drop the lock, and fork must not come then. */
    atomic_fetch_add_explicit(&mm->pins, 1, memory_order_relaxed);
    while (out->size < size) {
        uint64_t n, at = here(&ahead, &n);
        n = min(n, (uint64_t)(size - out->size));
        size_t before = out->size;
        bool more = pin_locked(mm, at, n, want, out);
        if (!more)
            break;
        io_skip(&ahead, out->size - before);
    }
    mm_leave(mm);
    if (out->n > 0)
        return 0;
    mm_unpinned(mm);
    return -EFAULT;
}

int io_pin(struct io *io, size_t size, bool write, struct io_pin *out)
{
    size = min(size, io->left);
    assert(size > 0);
    *out = (struct io_pin){ .mm = io->mm };
    if (io->mm)
        return pin_user(io, size, write ? PROT_WRITE : PROT_READ, out);
    uint64_t n, at = here(io, &n);
    out->vecs[0] = (struct iovec){ (void *)(uintptr_t)at, min(n, (uint64_t)size) };
    out->n = 1;
    out->size = out->vecs[0].iov_len;
    return 0;
}

void io_unpin(struct io *io, struct io_pin *pin, size_t moved)
{
    struct mm *mm = pin->mm;

    io_skip(io, moved);
    if (!mm)
        return;
    for (int i = 0; i < pin->n; i++) {
        uint64_t off = (uintptr_t)pin->vecs[i].iov_base & PAGE_MASK;
        pfn_unpin(mm->arena, pin->held[i], (off + pin->vecs[i].iov_len + PAGE_MASK) / PAGE_SIZE);
    }
    mm_unpinned(mm);
}

/* ---- frames that the host has no pages for ---- */

/* One call of the host, for what can be pinned at once. Gives what went over; 0 where nothing did.
 */
static size_t write_ram(struct io *io, struct arena *a, uint64_t at, size_t size)
{
    struct io_pin pin;

    if (io_pin(io, size, false, &pin))
        return 0;
    ssize_t n = host_pwritev(ram_fd(a), pin.vecs, pin.n, (int64_t)at);
    size_t moved = n > 0 ? (size_t)n : 0;
    io_unpin(io, &pin, moved);
    return moved;
}

ssize_t io_take_ram(struct io *io, struct arena *a, uint64_t pfn, uint64_t off, size_t size)
{
    uint64_t pages = (off + size + PAGE_MASK) / PAGE_SIZE;
    size_t done = 0, n = 1;

    while (!frames_are_there(a, pfn, pages) && done < size && n > 0) {
        n = write_ram(io, a, pfn * PAGE_SIZE + off + done, size - done);
        done += n;
    }
    if (done == size) {
        frames_set_there(a, pfn, pages);
        return (ssize_t)done;
    }
    /* What the host would not read is ours to fail at. */
    ssize_t rest = io_take(io, (char *)frame_ptr(a, pfn) + off + done, size - done);
    return rest < 0 && done > 0 ? (ssize_t)done : rest + (ssize_t)(rest < 0 ? 0 : done);
}
