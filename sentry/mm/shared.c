/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared anonymous memory: a file without a name, as long as the mapping that made it.
 *
 * Its frames stand in leaves of LEAF_PAGES numbers, made when they are first needed. The
 * leaves stand in a table as long as the mapping, which the quota counts from the start: it
 * stays for as long as a single page is mapped.
 * Missing frames are made in chunks, in a row where RAM allows it.
 */
#include <errno.h>

#include "base/ref.h"
#include "sentry/core/slab.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/vma.h"

#define LEAF_PAGES 512u
#define FILL_PAGES 16u /* made at a time around the one that is wanted */

struct shared_anon {
    struct mappable mappable;
    struct ref ref;
    struct arena *arena; /* [I] */
    uint64_t pages;      /* [I] */
    uint32_t **leaves;   /* [mappable.lock] frames plus one; 0: not there */
    uint64_t nleaves;    /* [mappable.lock] how many are there; */
    uint64_t present;    /* [mappable.lock] and how many frames */
};

static const struct slab_type shared_anon_slab = SLAB_TYPE(
    shared_anon, struct shared_anon, .const_ptrs = { PTR_AT(struct shared_anon, mappable.ops) });

static struct shared_anon *of(struct mappable *m)
{
    return container_of(m, struct shared_anon, mappable);
}

static uint64_t leaf_count(const struct shared_anon *s)
{
    return (s->pages + LEAF_PAGES - 1) / LEAF_PAGES;
}

/* The slot of a page, with its leaf. NULL: no memory. */
static uint32_t *slot_locked(struct shared_anon *s, uint64_t index) HOLDS(s->mappable.lock);
static uint32_t *slot_locked(struct shared_anon *s, uint64_t index)
{
    uint32_t **leaf = &s->leaves[index / LEAF_PAGES];

    if (!*leaf) {
        *leaf = arena_alloc(s->arena, LEAF_PAGES * sizeof **leaf);
        s->nleaves += *leaf != NULL;
    }
    return *leaf ? &(*leaf)[index % LEAF_PAGES] : NULL;
}

/* Makes the frame of `index` and of those behind it that are missing, in a row. */
static int fill_locked(struct shared_anon *s, uint64_t index, uint32_t *slot)
    HOLDS(s->mappable.lock);
static int fill_locked(struct shared_anon *s, uint64_t index, uint32_t *slot)
{
    uint64_t most = min(min(LEAF_PAGES - index % LEAF_PAGES, s->pages - index),
                        FILL_PAGES - index % FILL_PAGES);
    uint64_t count = 1;
    pfn_t pfn;

    while (count < most && slot[count] == 0)
        count++;
    int err = frame_alloc_run(s->arena, &count, &pfn);
    if (err)
        return err;
    for (uint64_t i = 0; i < count; i++)
        slot[i] = (uint32_t)(pfn + i) + 1;
    s->present += count;
    return 0;
}

static int locate_locked(struct shared_anon *s, uint64_t index, uint64_t most, struct extent *out)
    HOLDS(s->mappable.lock);
static int locate_locked(struct shared_anon *s, uint64_t index, uint64_t most, struct extent *out)
{
    uint32_t *slot = slot_locked(s, index);
    uint64_t n = 1;

    if (!slot)
        return -ENOMEM;
    if (!*slot) {
        int err = fill_locked(s, index, slot);
        if (err)
            return err;
    }
    most = min(most, (uint64_t)(LEAF_PAGES - index % LEAF_PAGES));
    while (n < most && slot[n] == slot[0] + n)
        n++;
    *out = (struct extent){ .pfn = slot[0] - 1, .count = n, .writable = true };
    frame_get(s->arena, out->pfn, n);
    return 0;
}

static int shared_locate(struct mappable *m, uint64_t index, uint64_t most, unsigned access,
                         struct extent *out)
{
    struct shared_anon *s = of(m);

    (void)access;
    if (index >= s->pages)
        return -EFAULT;
    mutex_lock(&s->mappable.lock);
    int err = locate_locked(s, index, min(most, s->pages - index), out);
    mutex_unlock(&s->mappable.lock);
    return err;
}

static uint64_t shared_size(struct mappable *m)
{
    return of(m)->pages * PAGE_SIZE;
}

/* Gives up the frames of pages [from, to). */
static void drop_locked(struct shared_anon *s, uint64_t from, uint64_t to) HOLDS(s->mappable.lock);
static void drop_locked(struct shared_anon *s, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        uint32_t *leaf = s->leaves[i / LEAF_PAGES];
        if (!leaf) {
            i |= LEAF_PAGES - 1;
            continue;
        }
        if (!leaf[i % LEAF_PAGES])
            continue;
        frame_put(s->arena, leaf[i % LEAF_PAGES] - 1, 1);
        s->present--;
        leaf[i % LEAF_PAGES] = 0;
    }
}

static int shared_punch(struct mappable *m, uint64_t from, uint64_t to)
{
    struct shared_anon *s = of(m);

    mutex_lock(&s->mappable.lock);
    drop_locked(s, from / PAGE_SIZE, min(to / PAGE_SIZE, s->pages));
    mutex_unlock(&s->mappable.lock);
    mappable_zap(m, from, to, false);
    return 0;
}

static void shared_get(struct mappable *m)
{
    ref_get(&of(m)->ref);
}

/* Behind the last leaf there may be millions of places for more: nobody looks there. */
static void free_leaves_locked(struct shared_anon *s) HOLDS(s->mappable.lock);
static void free_leaves_locked(struct shared_anon *s)
{
    for (uint64_t i = 0; s->nleaves > 0; i++) {
        if (!s->leaves[i])
            continue;
        drop_locked(s, i * LEAF_PAGES, min((i + 1) * LEAF_PAGES, s->pages));
        arena_free(s->leaves[i]);
        s->nleaves--;
    }
}

static void shared_put(struct mappable *m)
{
    struct shared_anon *s = of(m);

    if (!ref_put(&s->ref))
        return;
    mutex_lock(&s->mappable.lock);
    free_leaves_locked(s);
    mutex_unlock(&s->mappable.lock);
    arena_free(s->leaves);
    slab_free(s);
}

uint64_t shared_pages(struct mappable *m)
{
    mutex_lock(&m->lock);
    uint64_t n = of(m)->present;
    mutex_unlock(&m->lock);
    return n;
}

static const struct mappable_ops shared_ops = {
    .locate = shared_locate,
    .size = shared_size,
    .punch = shared_punch,
    .get = shared_get,
    .put = shared_put,
};

int shared_create(struct arena *a, uint64_t size, struct mappable **out)
{
    struct shared_anon *s = slab_alloc(a, &shared_anon_slab);
    if (!s)
        return -ENOMEM;
    ref_init(&s->ref);
    s->arena = a;
    s->pages = page_up(size) / PAGE_SIZE;
    s->leaves = arena_alloc(a, leaf_count(s) * sizeof *s->leaves);
    if (!s->leaves) {
        slab_free(s);
        return -ENOMEM;
    }
    /* Linux shows the file of its internal tmpfs: device 0:1, and a number that nobody sees twice.
     */
    mappable_init(&s->mappable, &shared_ops, 1, ((uintptr_t)s & (ARENA_SPAN - 1)) / 64);
    *out = &s->mappable;
    return 0;
}
