/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the arena is laid out: chunks, the headers at their start, and the caches.
 *
 *     base                                                     top          base + ARENA_SPAN
 *     | struct arena | chunk | chunk   chunk   chunk | chunk | … | no access … |
 *                      slab    span of three           slab
 *
 * A span is one or more chunks that begin with a struct chunk: a slab of equal
 * objects in exactly one chunk, or one block of bytes. So the header of any object
 * of a slab is found by rounding its address down, and that of a block too, since
 * its address lies in its first chunk.
 */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "sentry/core/slab.h"

#define CHUNK_SIZE   ((uint64_t)64 << 10)
#define CHUNK_COUNT  (ARENA_SPAN / CHUNK_SIZE)
#define ARENA_GROWTH ((uint64_t)1 << 20) /* how much more is made accessible at a time */

/* The sizes of arena_alloc() up to which bytes share chunks. */
enum { BYTE_CLASSES = 20 };
#define BYTES_MAX 16384u

enum {
    CACHE_BYTES = SLAB_COUNT, /* the first of the size classes */
    CACHE_COUNT = SLAB_COUNT + BYTE_CLASSES,
    CACHE_NONE = CACHE_COUNT, /* of a span that is one block of bytes */
};

enum { CHUNK_LIVE = 0x6b6e6863 };

/* [l] the cache's lock   [I] never changes */
struct chunk {
    uint32_t magic;   /* CHUNK_LIVE */
    uint32_t cache;   /* [I] index in arena.caches, or CACHE_NONE */
    uint32_t span;    /* [I] chunks */
    uint32_t charged; /* [I] a block's: it counts against the quota */
    uint64_t size;    /* [I] bytes of one object, or of the block */
    uint32_t first;   /* [I] bytes from the chunk to its first object */
    uint32_t count;   /* [I] objects it has room for */
    uint32_t live;    /* [l] objects in use */
    uint32_t fresh;   /* [l] objects from here on were never used, so they are zero */
    uint32_t hint;    /* [l] no object below is free */
    struct list node; /* [l] in cache.partial while there is room */
    uint64_t map[];   /* [l] one bit for each object: in use */
};

struct cache {
    struct mutex lock;     /* RANK_SLAB */
    _Atomic uint32_t size; /* bytes of an object, rounded up; 0 before the first, then [I] */
    uint32_t exact;        /* [I] once `size` is set: what the type says */
    uint64_t live;         /* [l] objects */
    uint32_t empty;        /* [l] chunks of `partial` without a live object */
    struct list partial;   /* [l] chunks with room */
    uint16_t const_ptrs[SLAB_PTRS], host_ptrs[SLAB_PTRS];
};

/* What identifies the program whose constants objects point to. */
struct image {
    uint64_t id;     /* a hash of its build id */
    uint64_t lo, hi; /* where it is loaded */
};

#define ARENA_MAGIC UINT64_C(0x31616e6572617372)

/* What a saved arena starts with: enough to know whether, and where, it can be mapped. */
struct arena_head {
    uint64_t magic;
    uint64_t base;      /* its own address */
    uint64_t top;       /* bytes from base that are accessible; under the arena's lock */
    struct image image; /* whose constants it points to */
};

/* [I] never changes   [l] its lock   [a] atomic */
struct arena {
    struct arena_head head;
    _Alignas(ARENA_ANCHORS) struct arena_anchors at;
    uint64_t limit;        /* [I] bytes */
    _Atomic uint64_t used; /* [a] bytes charged */
    struct mutex lock;     /* RANK_ARENA */
    uint64_t low;          /* [l] no chunk below this one is free */
    struct cache caches[CACHE_COUNT];
    uint64_t map[CHUNK_COUNT / 64]; /* [l] chunks in use, those of this struct too */
};
static_assert(offsetof(struct arena, at) == ARENA_ANCHORS, "where arena.h looks");

static inline struct chunk *chunk_of(const void *object)
{
    return (struct chunk *)((uintptr_t)object & ~(uintptr_t)(CHUNK_SIZE - 1));
}

static inline void *chunk_object(const struct chunk *c, uint32_t i)
{
    return (char *)c + c->first + (uint64_t)i * c->size;
}

/* `span` chunks in a row whose bytes are zero, or NULL. Locks: RANK_ARENA. */
must_use struct chunk *chunk_alloc(struct arena *a, uint64_t span);
/* Gives the pages back to the host. */
void chunk_free(struct arena *a, struct chunk *c);

/* The first chunk that begins a span after `c`, or NULL; NULL for the first of all. */
struct chunk *chunk_next(const struct arena *a, const struct chunk *c);

/* Counts `size` bytes against the quota. False where they do not fit. */
must_use bool arena_charge(struct arena *a, uint64_t size);
void arena_uncharge(struct arena *a, uint64_t size);

/* One object of a cache, which has been set up: zeroed, or NULL. */
must_use void *cache_alloc(struct arena *a, uint32_t cache);
void cache_free(struct arena *a, struct chunk *c, void *object);
/*
 * Tells an unused cache how large its objects are; another thread may do the same.
 *
 *   size      bytes of an object
 *   align     what they are aligned to: 16 or more
 *   type      where pointers out of the arena are; may be NULL
 */
void cache_setup(struct cache *c, uint32_t size, uint32_t align, const struct slab_type *type);
static inline bool cache_is_set_up(struct cache *c)
{
    return likely(atomic_load_explicit(&c->size, memory_order_acquire) != 0);
}

/* The program that runs. */
void image_self(struct image *out);

/* Memory that nobody may touch, where AddressSanitizer can see to it. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define arena_poison(p, size)   ASAN_POISON_MEMORY_REGION(p, size)
#define arena_unpoison(p, size) ASAN_UNPOISON_MEMORY_REGION(p, size)
#else
#define arena_poison(p, size)   ((void)(p), (void)(size))
#define arena_unpoison(p, size) ((void)(p), (void)(size))
#endif
