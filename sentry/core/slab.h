/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed caches of equal objects in the arena.
 *
 * Each type has a row in slabs.def (which gives it a number that never changes
 * while a sandbox lives) and one constant, beside its struct:
 *
 *     static const struct slab_type eventfd_slab =
 *         SLAB_TYPE(eventfd, struct eventfd, .const_ptrs = { PTR_AT(struct eventfd, file.ops) });
 *
 *     struct eventfd *e = slab_alloc(a, &eventfd_slab);
 *     …
 *     slab_free(e);
 */
#pragma once

#include "sentry/core/arena.h"

enum slab_id {
#define SLAB(name, what) SLAB_##name,
#include "sentry/core/slabs.def"
#undef SLAB
    SLAB_COUNT,
};

#define SLAB_PTRS 6

struct slab_type {
    const char *name;
    enum slab_id id;
    uint32_t size;                  /* bytes of an object */
    uint16_t const_ptrs[SLAB_PTRS]; /* PTR_AT() of pointers to our own constants; the rest 0 */
    uint16_t host_ptrs[SLAB_PTRS];  /* PTR_AT() of pointers to host objects; the rest 0 */
};

#define PTR_AT(type, member) ((uint16_t)(offsetof(type, member) + 1)) /* so that 0 means none */
#define SLAB_TYPE(nm, type, ...)                                                      \
    {                                                                                 \
        .name = #nm, .id = SLAB_##nm, .size = sizeof(type) __VA_OPT__(, ) __VA_ARGS__ \
    }

/* A zeroed object, aligned to 64 bytes where it is larger than 32, or NULL. Locks: RANK_SLAB. */
must_use void *slab_alloc(struct arena *a, const struct slab_type *type);

/* NULL is fine. The object must have come from slab_alloc(). */
void slab_free(void *object);

/* Objects of one type that are alive: for tests that look for leaks, and for limits. */
uint64_t slab_live(const struct arena *a, enum slab_id id);
