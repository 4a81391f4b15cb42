/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches of equal objects.
 *
 * Which objects of a chunk are in use stands in bits beside them and not in links
 * through them: a stray write to a freed object harms nobody, and whoever saves or
 * checks the arena can tell the living from the dead.
 */
#include "sentry/core/slab.h"

#include <string.h>

#include "base/bitmap.h"
#include "sentry/core/arena_priv.h"

#define OBJECT_MAX (CHUNK_SIZE - 1024)
#define FREED      0x6b /* debug builds fill freed objects with it */
#define EMPTY_KEPT 1u   /* empty chunks of a cache that are not given back */

static void setup_locked(struct cache *c, uint32_t size, uint32_t align,
                         const struct slab_type *type) HOLDS(c->lock);
static void setup_locked(struct cache *c, uint32_t size, uint32_t align,
                         const struct slab_type *type)
{
    if (c->size)
        return;
    if (type) {
        memcpy(c->const_ptrs, type->const_ptrs, sizeof c->const_ptrs);
        memcpy(c->host_ptrs, type->host_ptrs, sizeof c->host_ptrs);
    }
    c->exact = size;
    /* release: whoever sees the size sees the rest */
    atomic_store_explicit(&c->size, (size + align - 1) & ~(align - 1), memory_order_release);
}

void cache_setup(struct cache *c, uint32_t size, uint32_t align, const struct slab_type *type)
{
    assert(size > 0 && size <= OBJECT_MAX);
    mutex_lock(&c->lock);
    setup_locked(c, size, align, type);
    mutex_unlock(&c->lock);
}

static struct chunk *new_chunk(struct arena *a, const struct cache *s)
{
    struct chunk *c = chunk_alloc(a, 1);
    if (!c)
        return NULL;
    uint64_t size = s->size;
    uint64_t most = (CHUNK_SIZE - sizeof *c) / size;
    c->cache = (uint32_t)(s - a->caches);
    c->size = size;
    c->first = (uint32_t)((sizeof *c + BITMAP_WORDS(most) * sizeof c->map[0] + 63) & ~63u);
    c->count = (uint32_t)((CHUNK_SIZE - c->first) / size);
    arena_poison((char *)c + c->first, CHUNK_SIZE - c->first);
    return c;
}

/* A chunk with room, or NULL. */
static struct chunk *partial_locked(struct arena *a, struct cache *s) HOLDS(s->lock);
static struct chunk *partial_locked(struct arena *a, struct cache *s)
{
    struct chunk *c = list_first(&s->partial, struct chunk, node);
    if (c)
        return c;
    c = new_chunk(a, s);
    if (!c)
        return NULL;
    list_push_front(&s->partial, &c->node);
    s->empty++;
    return c;
}

static void *alloc_locked(struct arena *a, struct cache *s, bool *zero) HOLDS(s->lock);
static void *alloc_locked(struct arena *a, struct cache *s, bool *zero)
{
    struct chunk *c = partial_locked(a, s);
    if (!c)
        return NULL;
    uint32_t i = (uint32_t)bitmap_find_next_zero(c->map, c->count, c->hint);
    assert(i < c->count);
    bitmap_set(c->map, i);
    c->hint = i + 1;
    *zero = i >= c->fresh;
    if (*zero)
        c->fresh = i + 1;
    if (c->live++ == 0)
        s->empty--;
    s->live++;
    if (c->live == c->count)
        list_del(&c->node);
    return chunk_object(c, i);
}

void *cache_alloc(struct arena *a, uint32_t cache)
{
    struct cache *s = &a->caches[cache];
    bool zero;

    if (!arena_charge(a, s->size))
        return NULL;
    mutex_lock(&s->lock);
    void *p = alloc_locked(a, s, &zero);
    mutex_unlock(&s->lock);
    if (!p) {
        arena_uncharge(a, s->size);
        return NULL;
    }
    arena_unpoison(p, s->exact);
    if (!zero)
        memset(p, 0, s->exact);
    return p;
}

/* Gives the chunk up where it is one empty chunk too many. */
static struct chunk *free_locked(struct cache *s, struct chunk *c, uint32_t i) HOLDS(s->lock);
static struct chunk *free_locked(struct cache *s, struct chunk *c, uint32_t i)
{
    assert(bitmap_test(c->map, i) && "freed twice");
    bitmap_clear(c->map, i);
    c->hint = min(c->hint, i);
    s->live--;
    if (c->live-- == c->count)
        list_push_front(&s->partial, &c->node);
    if (c->live > 0)
        return NULL;
    if (s->empty >= EMPTY_KEPT) {
        list_del(&c->node);
        return c;
    }
    s->empty++;
    return NULL;
}

void cache_free(struct arena *a, struct chunk *c, void *object)
{
    struct cache *s = &a->caches[c->cache];
    uint64_t off = (uint64_t)((char *)object - (char *)c) - c->first;

    assert(off % c->size == 0 && off / c->size < c->count);
    if (DEBUG)
        memset(object, FREED, s->exact);
    arena_poison(object, c->size);
    mutex_lock(&s->lock);
    struct chunk *empty = free_locked(s, c, (uint32_t)(off / c->size));
    mutex_unlock(&s->lock);
    if (empty)
        chunk_free(a, empty);
    arena_uncharge(a, s->size);
}

void *slab_alloc(struct arena *a, const struct slab_type *type)
{
    struct cache *s = &a->caches[type->id];

    if (!cache_is_set_up(s))
        cache_setup(s, type->size, type->size > 32 ? 64 : 16, type);
    assert(s->exact == type->size);
    return cache_alloc(a, type->id);
}

void slab_free(void *object)
{
    if (!object)
        return;
    struct chunk *c = chunk_of(object);
    assert(c->magic == CHUNK_LIVE && c->cache < SLAB_COUNT);
    cache_free(arena_of(object), c, object);
}

uint64_t slab_live(const struct arena *a, enum slab_id id)
{
    struct cache *s = (struct cache *)&a->caches[id];

    mutex_lock(&s->lock);
    uint64_t n = s->live;
    mutex_unlock(&s->lock);
    return n;
}
