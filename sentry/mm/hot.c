/* SPDX-License-Identifier: Apache-2.0 */
/* A small table, in which the chunk that was not noted for longest gives way. */
#include "sentry/mm/hot.h"

#include "base/ref.h"
#include "sentry/core/slab.h"

#define CHUNKS 12
#define FORKS  32u /* for how many forks a chunk is remembered */

struct hot_set {
    struct ref ref;
    struct hot_chunk {
        _Atomic uint64_t at;
        _Atomic uint32_t forks; /* how many more it is remembered for; 0: free */
    } chunks[CHUNKS];           /* [a] */
};

static const struct slab_type hot_set_slab = SLAB_TYPE(hot_set, struct hot_set);

static uint32_t forks_of(const struct hot_chunk *c)
{
    return atomic_load_explicit(&c->forks, memory_order_relaxed);
}

static bool is_at(const struct hot_chunk *c, uint64_t at)
{
    return forks_of(c) && atomic_load_explicit(&c->at, memory_order_relaxed) == at;
}

struct hot_set *hot_create(struct arena *a)
{
    struct hot_set *h = slab_alloc(a, &hot_set_slab);

    if (h)
        ref_init(&h->ref);
    return h;
}

struct hot_set *hot_get(struct hot_set *h)
{
    ref_get(&h->ref);
    return h;
}

void hot_put(struct hot_set *h)
{
    if (h && ref_put(&h->ref))
        slab_free(h);
}

void hot_note(struct hot_set *h, uint64_t at)
{
    struct hot_chunk *to = &h->chunks[0];

    for (struct hot_chunk *c = h->chunks; c < h->chunks + CHUNKS; c++) {
        if (is_at(c, at)) {
            to = c;
            break;
        }
        if (forks_of(c) < forks_of(to))
            to = c;
    }
    atomic_store_explicit(&to->at, at, memory_order_relaxed);
    atomic_store_explicit(&to->forks, FORKS, memory_order_relaxed);
}

bool hot_has(const struct hot_set *h, uint64_t at)
{
    for (const struct hot_chunk *c = h->chunks; c < h->chunks + CHUNKS; c++) {
        if (is_at(c, at))
            return true;
    }
    return false;
}

bool hot_any(const struct hot_set *h, uint64_t start, uint64_t end)
{
    for (const struct hot_chunk *c = h->chunks; c < h->chunks + CHUNKS; c++) {
        uint64_t at = atomic_load_explicit(&c->at, memory_order_relaxed);
        if (forks_of(c) && at >= start && at < end)
            return true;
    }
    return false;
}

void hot_age(struct hot_set *h)
{
    for (struct hot_chunk *c = h->chunks; c < h->chunks + CHUNKS; c++) {
        uint32_t forks = forks_of(c);
        if (forks)
            atomic_store_explicit(&c->forks, forks - 1, memory_order_relaxed);
    }
}
