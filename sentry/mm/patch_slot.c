/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: which sites an address space has, and had. */
#include <errno.h>
#include <string.h>

#include "sentry/mm/patch_priv.h"

int patch_slot_of(struct mm *mm, uint64_t va)
{
    for (unsigned n = 0; n < patch_ops_of(mm)->slots; n++) {
        const struct patch_slot *s = patch_slot(mm->patches, n);
        if (!s)
            n += LEAF_SLOTS - 1; /* nor any other of its leaf */
        else if (s->va && va - s->va < s->site.size)
            return (int)n;
    }
    return -1;
}

/* Whatever was there has gone for good: nobody can come back to it. */
static bool is_gone(struct mm *mm, uint64_t va) HOLDS(mm->lock);
static bool is_gone(struct mm *mm, uint64_t va)
{
    const struct vma *v = vma_at(mm, va);

    return !v || !v->mappable || !(v->prot & PROT_EXEC);
}

bool patch_slot_is_free(struct mm *mm, unsigned n, uint64_t va)
{
    const struct patch_slot *s = patch_slot(mm->patches, n);

    return !s || !s->va || s->va == va || is_gone(mm, s->va);
}

int patch_slot_take(struct mm *mm, unsigned n, uint64_t va, const struct patch_site *site)
{
    struct patches *p = mm->patches;
    struct patch_slot *s = patch_slot(p, n);

    if (!s) {
        struct patch_slot *leaf = arena_alloc(mm->arena, LEAF_SLOTS * sizeof *leaf);
        if (!leaf)
            return -ENOMEM;
        atomic_store_explicit(&p->leaves[n / LEAF_SLOTS], leaf, memory_order_release);
        s = patch_slot(p, n);
    }
    if (s->va == va && memcmp(&s->site, site, sizeof *site) == 0)
        return 0; /* threads may be in its trampoline, which stays as it is */
    atomic_store_explicit(&s->va, 0, memory_order_relaxed);
    s->site = *site;
    atomic_store_explicit(&s->va, va, memory_order_release);
    return 0;
}
