/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small open-addressed table of counters. A row is claimed by its key with one
 * compare-and-swap and never given back, so that counting needs no lock.
 */
#include "sentry/core/refused.h"

#include <errno.h>

#include "base/hash.h"

#define ROWS                                                                             \
    256 /* a power of two; a guest that invents numbers fills it and then goes uncounted \
         */

struct row {
    _Atomic uint64_t key; /* number << 3 | kind, plus 1; 0 is free */
    _Atomic uint64_t count;
};

struct refused_table {
    struct row rows[ROWS];
};

int refused_create(struct arena *a)
{
    struct refused_table *t = arena_alloc(a, sizeof *t);

    if (!t)
        return -ENOMEM;
    arena_set_root(a, ROOT_REFUSED, t);
    return 0;
}

static struct row *row_claim(struct refused_table *t, uint64_t key)
{
    for (size_t i = 0, at = hash_u64(key); i < ROWS; i++, at++) {
        struct row *r = &t->rows[at % ROWS];
        uint64_t seen = 0;

        if (atomic_load(&r->key) == key || atomic_compare_exchange_strong(&r->key, &seen, key) ||
            seen == key)
            return r;
    }
    return NULL;
}

void refused_count(struct arena *a, enum refused_kind kind, uint64_t number)
{
    struct refused_table *t = arena_root(a, ROOT_REFUSED);
    struct row *r = t ? row_claim(t, (number << 3 | kind) + 1) : NULL;

    if (r)
        atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
}

size_t refused_list(struct arena *a, struct refused *out, size_t max)
{
    struct refused_table *t = arena_root(a, ROOT_REFUSED);
    size_t n = 0;

    for (size_t i = 0; t && i < ROWS; i++) {
        uint64_t key = atomic_load(&t->rows[i].key);

        if (!key)
            continue;
        if (n < max)
            out[n] = (struct refused){ .kind = (key - 1) & 7,
                                       .number = (key - 1) >> 3,
                                       .count = atomic_load(&t->rows[i].count) };
        n++;
    }
    return n;
}
