/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of any length: small ones from caches by size class, large ones as spans of
 * chunks of their own, which go back to the host as soon as they are freed.
 */
#include <string.h>

#include "sentry/core/arena_priv.h"

static const uint32_t class_sizes[BYTE_CLASSES] = {
    16,  32,   48,   64,   96,   128,  192,  256,  384,   512,
    768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, BYTES_MAX,
};

static uint32_t class_of(size_t size)
{
    uint32_t i = 0;

    while (class_sizes[i] < size)
        i++;
    return i;
}

/* A block that has chunks of its own. */
static void *block_alloc(struct arena *a, uint64_t size, bool charged)
{
    uint64_t first = (sizeof(struct chunk) + 63) & ~UINT64_C(63);

    if (size > ARENA_SPAN || (charged && !arena_charge(a, size)))
        return NULL;
    struct chunk *c = chunk_alloc(a, (first + size + CHUNK_SIZE - 1) / CHUNK_SIZE);
    if (!c) {
        if (charged)
            arena_uncharge(a, size);
        return NULL;
    }
    c->cache = CACHE_NONE;
    c->size = size;
    c->charged = charged;
    c->first = (uint32_t)first;
    return (char *)c + first;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > BYTES_MAX)
        return block_alloc(a, (size + 63) & ~(size_t)63, true);
    uint32_t class = class_of(size);
    struct cache *s = &a->caches[CACHE_BYTES + class];
    if (!cache_is_set_up(s))
        cache_setup(s, class_sizes[class], 16, NULL);
    return cache_alloc(a, CACHE_BYTES + class);
}

void *arena_reserve(struct arena *a, uint64_t size)
{
    return block_alloc(a, (size + 63) & ~UINT64_C(63), false);
}

void arena_free(void *p)
{
    if (!p)
        return;
    struct arena *a = arena_of(p);
    struct chunk *c = chunk_of(p);
    assert(c->magic == CHUNK_LIVE && c->cache >= CACHE_BYTES);
    if (c->cache < CACHE_NONE) {
        cache_free(a, c, p);
        return;
    }
    assert((char *)p == (char *)c + c->first);
    uint64_t charged = c->charged ? c->size : 0;
    chunk_free(a, c);
    arena_uncharge(a, charged);
}

size_t arena_usable(const void *p)
{
    const struct chunk *c = chunk_of(p);

    assert(c->magic == CHUNK_LIVE && c->cache >= CACHE_BYTES);
    return c->cache < CACHE_NONE ? class_sizes[c->cache - CACHE_BYTES] : c->size;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    len = strnlen(s, len);
    char *copy = arena_alloc(a, len + 1);
    if (copy)
        memcpy(copy, s, len);
    return copy;
}
