/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference counts.
 *
 * An object is born with one reference, its creator's. Whoever keeps a pointer
 * for longer than the call keeps a reference with it. A count that would pass
 * REF_MAX is a leak of ours and stops the program before it can wrap.
 */
#pragma once

#include "base/cc.h"

#define REF_MAX (UINT32_MAX / 2)

struct ref {
    _Atomic uint32_t n;
};

static inline void ref_init(struct ref *r)
{
    atomic_init(&r->n, 1);
}

static inline void ref_get(struct ref *r)
{
    uint32_t was = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
    assert(was > 0 && was < REF_MAX);
}

/*
 * Takes a reference unless the last one has gone: for weak tables, whose lock
 * keeps the memory in place while the object may already be on its way out.
 *
 *   returns   false where the object is dying
 */
static inline must_use bool ref_get_unless_zero(struct ref *r)
{
    uint32_t n = atomic_load_explicit(&r->n, memory_order_relaxed);

    do {
        if (n == 0)
            return false;
        assert(n < REF_MAX);
    } while (!atomic_compare_exchange_weak_explicit(&r->n, &n, n + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

/*
 * Gives a reference up.
 *
 *   returns   true where it was the last: the caller destroys the object
 */
static inline must_use bool ref_put(struct ref *r)
{
    /* acq_rel, not release and a fence: ThreadSanitizer does not know fences. */
    uint32_t was = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);
    assert(was > 0);
    return was == 1;
}

/* Whether it is the caller's alone; if so, what others did before they gave theirs up is seen. */
static inline bool ref_is_only(const struct ref *r)
{
    return atomic_load_explicit(&r->n, memory_order_acquire) == 1;
}

/* How many there are: for tests, assertions and statistics, as it may change at once. */
static inline uint32_t ref_count(const struct ref *r)
{
    return atomic_load_explicit(&r->n, memory_order_relaxed);
}
