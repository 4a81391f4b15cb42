/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The region itself: its place, its chunks, its quota, and the pointers out of it.
 *
 * Chunks are handed out lowest first, so that what is in use stays together and a
 * saved arena is short. A free chunk has no pages: it reads as zero when it is next
 * in use.
 */
#include "sentry/core/arena_priv.h"

#include <string.h>
#include <sys/mman.h>

#include "base/bitmap.h"
#include "base/host.h"
#include "base/panic.h"

/*
 * Where an arena may lie: away from programs, libraries and stacks, and where the
 * sanitizers leave room between their shadows.
 */
#if defined(__SANITIZE_THREAD__)
#define PLACE_MODE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLACE_MODE_TSAN 1
#endif
#endif
#if defined(PLACE_MODE_TSAN)
#define PLACE_LOW  UINT64_C(0x001000000000)
#define PLACE_HIGH UINT64_C(0x007000000000)
#else
#define PLACE_LOW  UINT64_C(0x200000000000)
#define PLACE_HIGH UINT64_C(0x500000000000)
#endif
#define PLACES ((PLACE_HIGH - PLACE_LOW) / ARENA_SPAN)
#define TRIES  256

#define HEAD_CHUNKS ((sizeof(struct arena) + CHUNK_SIZE - 1) / CHUNK_SIZE)

static int reserve(void **out)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t random;
        host_getrandom(&random, sizeof random);
        void *want = (void *)(uintptr_t)(PLACE_LOW + random % PLACES * ARENA_SPAN), *at;
        int err = host_mmap(want, ARENA_SPAN, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                            0, &at);
        if (err == -EEXIST)
            continue;
        if (err)
            return err;
        if (at == want) {
            *out = at;
            return 0;
        }
        /* A kernel before 4.17 takes the address for a hint. */
        err = host_munmap(at, ARENA_SPAN);
        assert(!err);
    }
    return -ENOMEM;
}

static int make_accessible(char *base, uint64_t from, uint64_t to)
{
    return host_mprotect(base + from, to - from, PROT_READ | PROT_WRITE);
}

int arena_create(uint64_t limit, struct arena **out)
{
    void *at = NULL;
    int err = reserve(&at);
    if (err)
        return err;
    /* Huge pages would cost an idle sandbox megabytes. EINVAL: the host has none. */
    err = host_madvise(at, ARENA_SPAN, MADV_NOHUGEPAGE);
    assert(!err || err == -EINVAL);
    err = make_accessible(at, 0, ARENA_GROWTH);
    if (err) {
        int gone = host_munmap(at, ARENA_SPAN);
        assert(!gone);
        return err;
    }
    struct arena *a = at;
    a->head.magic = ARENA_MAGIC;
    a->head.base = (uintptr_t)a;
    a->head.top = ARENA_GROWTH;
    a->limit = limit;
    image_self(&a->head.image);
    mutex_init(&a->lock, RANK_ARENA);
    for (uint32_t i = 0; i < CACHE_COUNT; i++) {
        mutex_init(&a->caches[i].lock, RANK_SLAB);
        list_init(&a->caches[i].partial);
    }
    for (uint64_t i = 0; i < HEAD_CHUNKS; i++)
        bitmap_set(a->map, i);
    a->low = HEAD_CHUNKS;
    *out = a;
    return 0;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    arena_unpoison(a, a->head.top);
    int err = host_munmap(a, ARENA_SPAN);
    assert(!err);
}

uint64_t arena_used(const struct arena *a)
{
    return atomic_load_explicit(&a->used, memory_order_relaxed);
}

uint64_t arena_limit(const struct arena *a)
{
    return a->limit;
}

bool arena_charge(struct arena *a, uint64_t size)
{
    uint64_t was = atomic_fetch_add_explicit(&a->used, size, memory_order_relaxed);

    if (likely(size <= a->limit && was <= a->limit - size))
        return true;
    atomic_fetch_sub_explicit(&a->used, size, memory_order_relaxed);
    return false;
}

void arena_uncharge(struct arena *a, uint64_t size)
{
    uint64_t was = atomic_fetch_sub_explicit(&a->used, size, memory_order_relaxed);

    assert(was >= size);
}

/* The first of `span` free chunks in a row, or CHUNK_COUNT. */
static uint64_t find_span_locked(const struct arena *a, uint64_t span) HOLDS(a->lock);
static uint64_t find_span_locked(const struct arena *a, uint64_t span)
{
    uint64_t at = bitmap_find_next_zero(a->map, CHUNK_COUNT, a->low);

    while (at < CHUNK_COUNT && CHUNK_COUNT - at >= span) {
        uint64_t end = bitmap_find_next_set(a->map, at + span, at);
        if (end == at + span)
            return at;
        at = bitmap_find_next_zero(a->map, CHUNK_COUNT, end);
    }
    return CHUNK_COUNT;
}

static struct chunk *alloc_span_locked(struct arena *a, uint64_t span) HOLDS(a->lock);
static struct chunk *alloc_span_locked(struct arena *a, uint64_t span)
{
    uint64_t at = find_span_locked(a, span);
    if (at == CHUNK_COUNT)
        return NULL;
    uint64_t end = (at + span) * CHUNK_SIZE;
    if (end > a->head.top) {
        uint64_t top = (end + ARENA_GROWTH - 1) & ~(ARENA_GROWTH - 1);
        if (make_accessible((char *)a, a->head.top, top))
            return NULL;
        a->head.top = top;
    }
    for (uint64_t i = at; i < at + span; i++)
        bitmap_set(a->map, i);
    a->low = bitmap_find_next_zero(a->map, CHUNK_COUNT, a->low);
    return (struct chunk *)((char *)a + at * CHUNK_SIZE);
}

struct chunk *chunk_alloc(struct arena *a, uint64_t span)
{
    if (span > CHUNK_COUNT)
        return NULL;
    mutex_lock(&a->lock);
    struct chunk *c = alloc_span_locked(a, span);
    mutex_unlock(&a->lock);
    if (!c)
        return NULL;
    c->magic = CHUNK_LIVE;
    c->span = (uint32_t)span;
    list_init(&c->node);
    return c;
}

void chunk_free(struct arena *a, struct chunk *c)
{
    uint64_t at = ((uintptr_t)c - a->head.base) / CHUNK_SIZE, span = c->span;

    arena_unpoison(c, span * CHUNK_SIZE);
    int err = host_madvise(c, span * CHUNK_SIZE, MADV_DONTNEED);
    if (err)
        panic("madvise(%p, %lu, MADV_DONTNEED): %d", (void *)c, span * CHUNK_SIZE, err);
    mutex_lock(&a->lock);
    for (uint64_t i = at; i < at + span; i++)
        bitmap_clear(a->map, i);
    a->low = min(a->low, at);
    mutex_unlock(&a->lock);
}

struct chunk *chunk_next(const struct arena *a, const struct chunk *c)
{
    uint64_t at = c ? ((uintptr_t)c - a->head.base) / CHUNK_SIZE + c->span : HEAD_CHUNKS;
    uint64_t end = a->head.top / CHUNK_SIZE;

    at = bitmap_find_next_set(a->map, end, at);
    return at == end ? NULL : (struct chunk *)((char *)a + at * CHUNK_SIZE);
}
