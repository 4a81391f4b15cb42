/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that move into and out of pipes without a copy: what splice(2) is made of.
 *
 * A chunk is filled or used without any lock, since that may mean a request to the
 * gofer; only moving its slots into or out of a ring is done under the pipe's lock.
 */
#include <string.h>

#include "sentry/fs/pipe_priv.h"

int pipe_chunk_create(struct arena *a, size_t size, struct pipe_chunk *out,
                      struct iovec vecs[PIPE_CHUNK])
{
    struct pipe_chunk c = { .count = 0 };

    assert(size <= PIPE_CHUNK * PAGE_SIZE);
    while (c.size < size) {
        struct pipe_page *page = slab_alloc(a, &pipe_page_slab);
        if (!page) {
            pipe_chunk_destroy(&c);
            return -ENOMEM;
        }
        size_t part = min(size - c.size, (size_t)PAGE_SIZE);
        vecs[c.count] = (struct iovec){ page->bytes, part };
        c.slots[c.count++] = (struct pipe_slot){ page, 0, (uint16_t)part, SLOT_MERGE };
        c.size += part;
    }
    *out = c;
    return 0;
}

void pipe_chunk_cut(struct pipe_chunk *c, size_t size)
{
    while (c->size > size) {
        struct pipe_slot *s = &c->slots[c->count - 1];
        size_t over = min(c->size - size, (size_t)s->size);
        c->size -= over;
        s->size = (uint16_t)(s->size - over);
        if (s->size == 0) {
            slab_free(s->page);
            c->count--;
        }
    }
}

void pipe_chunk_destroy(struct pipe_chunk *c)
{
    pipe_chunk_cut(c, 0);
}

int pipe_chunk_vecs(const struct pipe_chunk *c, size_t skip, struct iovec vecs[PIPE_CHUNK])
{
    int n = 0;

    for (unsigned i = 0; i < c->count; i++) {
        const struct pipe_slot *s = &c->slots[i];
        size_t part = min(skip, (size_t)s->size);
        skip -= part;
        if (part < s->size)
            vecs[n++] = (struct iovec){ s->page->bytes + s->off + part, s->size - part };
    }
    return n;
}

/* The first `used` bytes are done with. */
static void chunk_skip(struct pipe_chunk *c, size_t used)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < c->count; i++) {
        struct pipe_slot s = c->slots[i];
        size_t part = min(used, (size_t)s.size);
        used -= part;
        c->size -= part;
        s.off = (uint16_t)(s.off + part);
        s.size = (uint16_t)(s.size - part);
        if (s.size > 0)
            c->slots[kept++] = s;
        else
            slab_free(s.page);
    }
    c->count = kept;
}

ssize_t pipe_room(struct file *f)
{
    struct pipe *p = pipe_of(f);

    mutex_lock(&p->lock);
    ssize_t room = p->readers == 0   ? -EPIPE
                   : ring_is_full(p) ? -EAGAIN
                                     : (ssize_t)min(p->limit - ring_used(p), (uint32_t)PIPE_CHUNK);
    mutex_unlock(&p->lock);
    return room > 0 ? room * (ssize_t)PAGE_SIZE : room;
}

static ssize_t append_locked(struct pipe *p, struct pipe_chunk *c) HOLDS(p->lock);
static ssize_t append_locked(struct pipe *p, struct pipe_chunk *c)
{
    size_t done = 0;
    unsigned n = 0;

    if (p->readers == 0)
        return -EPIPE;
    for (; n < c->count && !ring_is_full(p); n++) {
        *ring_slot(p, p->head++) = c->slots[n];
        done += c->slots[n].size;
    }
    if (n == 0)
        return c->count > 0 ? -EAGAIN : 0;
    c->count -= n;
    c->size -= done;
    memmove(c->slots, c->slots + n, c->count * sizeof c->slots[0]);
    pipe_wake_locked(p, FILE_READ, POLLIN | POLLRDNORM);
    return (ssize_t)done;
}

ssize_t pipe_append(struct file *f, struct pipe_chunk *c)
{
    struct pipe *p = pipe_of(f);

    mutex_lock(&p->lock);
    ssize_t n = append_locked(p, c);
    mutex_unlock(&p->lock);
    return n;
}

/* The first `size` bytes of a slot as a slot of their own. */
static int split_locked(struct pipe *p, struct pipe_slot *s, size_t size, struct pipe_slot *out)
    HOLDS(p->lock);
static int split_locked(struct pipe *p, struct pipe_slot *s, size_t size, struct pipe_slot *out)
{
    struct pipe_page *page = ring_page_locked(p);

    if (!page)
        return -ENOMEM;
    memcpy(page->bytes, s->page->bytes + s->off, size);
    *out = (struct pipe_slot){ page, 0, (uint16_t)size, s->flags };
    s->off = (uint16_t)(s->off + size);
    s->size = (uint16_t)(s->size - size);
    return 0;
}

static ssize_t detach_locked(struct pipe *p, size_t size, struct pipe_chunk *c) HOLDS(p->lock);
static ssize_t detach_locked(struct pipe *p, size_t size, struct pipe_chunk *c)
{
    if (ring_is_empty(p))
        return p->writers > 0 ? -EAGAIN : 0;
    while (c->count < PIPE_CHUNK && c->size < size && !ring_is_empty(p)) {
        struct pipe_slot *s = ring_slot(p, p->tail);
        if (s->size <= size - c->size) {
            c->slots[c->count] = *s;
            p->tail++;
        } else if (split_locked(p, s, size - c->size, &c->slots[c->count]) < 0) {
            break;
        }
        c->size += c->slots[c->count++].size;
    }
    if (c->count == 0)
        return -ENOMEM;
    pipe_wake_locked(p, FILE_WRITE, POLLOUT | POLLWRNORM);
    return (ssize_t)c->size;
}

ssize_t pipe_detach(struct file *f, size_t size, struct pipe_chunk *out)
{
    struct pipe *p = pipe_of(f);

    *out = (struct pipe_chunk){ .count = 0 };
    mutex_lock(&p->lock);
    ssize_t n = detach_locked(p, size, out);
    mutex_unlock(&p->lock);
    return n;
}

static void unread_locked(struct pipe *p, struct pipe_chunk *c) HOLDS(p->lock);
static void unread_locked(struct pipe *p, struct pipe_chunk *c)
{
    uint32_t want = p->mask + 1;

    /* Writers may have filled the slots meanwhile: then the ring grows, and not for them. */
    while (want < ring_used(p) + c->count)
        want *= 2;
    if (ring_resize_locked(p, want) < 0)
        return; /* no memory: these bytes are lost, as where a device fails midway */
    while (c->count > 0) {
        *ring_slot(p, --p->tail) = c->slots[--c->count];
        c->size -= ring_slot(p, p->tail)->size;
    }
    pipe_wake_locked(p, FILE_READ, POLLIN | POLLRDNORM);
}

void pipe_unread(struct file *f, struct pipe_chunk *c, size_t used)
{
    struct pipe *p = pipe_of(f);

    chunk_skip(c, used);
    if (c->count == 0)
        return;
    mutex_lock(&p->lock);
    unread_locked(p, c);
    mutex_unlock(&p->lock);
    pipe_chunk_destroy(c);
}

static ssize_t tee_locked(struct pipe *from, struct pipe *to, size_t size)
    HOLDS(from->lock, to->lock);
static ssize_t tee_locked(struct pipe *from, struct pipe *to, size_t size)
{
    size_t done = 0;

    if (to->readers == 0)
        return -EPIPE;
    if (ring_is_empty(from))
        return from->writers > 0 ? -EAGAIN : 0;
    for (uint32_t at = from->tail; at != from->head && done < size && !ring_is_full(to); at++) {
        const struct pipe_slot *s = ring_slot(from, at);
        struct pipe_page *page = ring_page_locked(to);
        if (!page)
            return done ? (ssize_t)done : -ENOMEM;
        size_t part = min(size - done, (size_t)s->size);
        memcpy(page->bytes, s->page->bytes + s->off, part);
        *ring_slot(to, to->head++) =
            (struct pipe_slot){ page, 0, (uint16_t)part, s->flags & ~SLOT_MERGE };
        done += part;
    }
    if (done == 0)
        return -EAGAIN;
    pipe_wake_locked(to, FILE_READ, POLLIN | POLLRDNORM);
    return (ssize_t)done;
}

ssize_t pipe_tee(struct file *in, struct file *out, size_t size)
{
    struct pipe *from = pipe_of(in), *to = pipe_of(out);

    if (from == to)
        return -EINVAL;
    mutex_lock_two(&from->lock, &to->lock);
    ssize_t n = tee_locked(from, to, size);
    mutex_unlock_two(&from->lock, &to->lock);
    return n;
}
