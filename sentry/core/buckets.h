/* SPDX-License-Identifier: Apache-2.0 */
/* The buckets of hash tables that grow: bytes of the arena. */
#pragma once

#include "base/hash.h"
#include "sentry/core/arena.h"

/*
 * Room for one more node. A table that cannot grow gets slower, no more.
 *
 *   t         under its lock; zeroed before the first call
 *   first     how many buckets it begins with: a power of two
 *   returns   false where it has no buckets at all, and there is no memory
 */
static inline must_use bool buckets_reserve(struct arena *a, struct htab *t, size_t first)
{
    if (t->buckets && !htab_is_full(t))
        return true;
    size_t len = t->buckets ? (t->mask + 1) * 4 : first;
    struct hnode **fresh = arena_alloc(a, len * sizeof *fresh);
    if (!fresh)
        return t->buckets;
    if (t->buckets)
        arena_free(htab_rehash(t, fresh, len));
    else
        htab_init(t, fresh, len);
    return true;
}
