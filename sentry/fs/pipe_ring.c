/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of a pipe: bytes in pages in slots.
 *
 * A small write goes into the last page where there is room behind what it holds; each
 * further page takes a slot. A page that was read empty is kept for the next write, so
 * that a pipe which is written and read in turns allocates nothing.
 *
 *   source    fs/pipe.c of Linux 6.6 for when writes merge and what a packet is
 */
#include "sentry/fs/pipe_priv.h"

const struct slab_type pipe_page_slab = SLAB_TYPE(pipe_page, struct pipe_page);

struct pipe_page *ring_page_locked(struct pipe *p)
{
    for (int i = 0; i < PIPE_SPARES; i++) {
        if (p->spares[i])
            return keep(p->spares[i]);
    }
    return slab_alloc(p->arena, &pipe_page_slab);
}

void ring_spare_locked(struct pipe *p, struct pipe_page *page)
{
    for (int i = 0; i < PIPE_SPARES; i++) {
        if (!p->spares[i]) {
            p->spares[i] = page;
            return;
        }
    }
    slab_free(page);
}

/* The part of a write that is no whole page, into the last slot, if all of it fits there. */
static ssize_t merge_locked(struct pipe *p, struct io *io) HOLDS(p->lock);
static ssize_t merge_locked(struct pipe *p, struct io *io)
{
    size_t part = io->left & PAGE_MASK;

    if (part == 0 || ring_is_empty(p))
        return 0;
    struct pipe_slot *s = ring_slot(p, p->head - 1);
    if (!(s->flags & SLOT_MERGE) || s->off + s->size + part > PAGE_SIZE)
        return 0;
    ssize_t n = io_take(io, s->page->bytes + s->off + s->size, part);
    if (n > 0)
        s->size = (uint16_t)(s->size + n);
    return n;
}

static ssize_t add_slot_locked(struct pipe *p, struct io *io, uint8_t flags) HOLDS(p->lock);
static ssize_t add_slot_locked(struct pipe *p, struct io *io, uint8_t flags)
{
    struct pipe_page *page = ring_page_locked(p);

    if (!page)
        return -ENOMEM;
    ssize_t n = io_take(io, page->bytes, PAGE_SIZE);
    if (n <= 0) {
        ring_spare_locked(p, page);
        return n;
    }
    *ring_slot(p, p->head++) = (struct pipe_slot){ page, 0, (uint16_t)n, flags };
    return n;
}

ssize_t ring_write_locked(struct pipe *p, struct io *io, bool packets)
{
    size_t want = io->left;
    ssize_t n = packets ? 0 : merge_locked(p, io);

    if (n < 0)
        return n;
    size_t done = (size_t)n;
    /* A short copy met a fault: what is left cannot be copied either. */
    bool faulted = done > 0 && done < (want & PAGE_MASK);
    while (io->left > 0 && !faulted) {
        if (ring_is_full(p))
            return done ? (ssize_t)done : -EAGAIN;
        size_t page = io->left < PAGE_SIZE ? io->left : PAGE_SIZE;
        n = add_slot_locked(p, io, packets ? SLOT_PACKET : SLOT_MERGE);
        if (n < 0)
            return done ? (ssize_t)done : n;
        done += (size_t)n;
        faulted = (size_t)n < page;
    }
    return (ssize_t)done;
}

static void drop_tail_locked(struct pipe *p) HOLDS(p->lock);
static void drop_tail_locked(struct pipe *p)
{
    ring_spare_locked(p, ring_slot(p, p->tail)->page);
    p->tail++;
}

ssize_t ring_read_locked(struct pipe *p, struct io *io)
{
    size_t done = 0;

    while (io->left > 0 && !ring_is_empty(p)) {
        struct pipe_slot *s = ring_slot(p, p->tail);
        size_t want = io->left < s->size ? io->left : s->size;
        ssize_t n = io_put(io, s->page->bytes + s->off, want);
        if (n < 0)
            return done ? (ssize_t)done : n;
        done += (size_t)n;
        s->off = (uint16_t)(s->off + n);
        s->size = (uint16_t)(s->size - n);
        bool packet = s->flags & SLOT_PACKET, faulted = (size_t)n < want;
        if (s->size == 0 || (packet && !faulted))
            drop_tail_locked(p);
        if (packet || faulted)
            break;
    }
    return (ssize_t)done;
}

uint64_t ring_size_locked(struct pipe *p)
{
    uint64_t size = 0;

    for (uint32_t at = p->tail; at != p->head; at++)
        size += ring_slot(p, at)->size;
    return size;
}

int ring_resize_locked(struct pipe *p, uint32_t count)
{
    uint32_t used = ring_used(p);

    if (count < used)
        return -EBUSY;
    if (count == p->mask + 1)
        return 0;
    struct pipe_slot *slots = arena_alloc(p->arena, count * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < used; i++)
        slots[i] = *ring_slot(p, p->tail + i);
    if (p->slots != p->first)
        arena_free(p->slots);
    p->slots = slots;
    p->mask = count - 1;
    p->tail = 0;
    p->head = used;
    return 0;
}

/* Nobody else has the pipe any more, so no lock is needed. */
void ring_destroy(struct pipe *p) UNCHECKED_LOCKS
{
    while (!ring_is_empty(p))
        slab_free(ring_slot(p, p->tail++)->page);
    for (int i = 0; i < PIPE_SPARES; i++)
        slab_free(p->spares[i]);
    if (p->slots != p->first)
        arena_free(p->slots);
}
