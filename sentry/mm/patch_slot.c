/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: which sites an address space has, and had.
 *
 * A slot is *live* while a page is shown that leads there. That begins and ends with the
 * page's entry in the table (PTE_PATCHED), whatever it is that takes it away, so what a
 * slot says of a live site is true of the bytes there, and no two live sites overlap.
 *
 * A slot that is not live any more is *left*: nobody enters, but a thread may be on its way
 * out. So its trampoline stays as it is, and who is found there is shown at the old site,
 * until that page of that file is not mapped there any more. Then there is no way back.
 */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "sentry/mm/patch_priv.h"

struct patch_slot *patch_slot_next(struct mm *mm, unsigned *n)
{
    for (; *n < patch_ops_of(mm)->slots; ++*n) {
        struct patch_slot *s = patch_slot(mm->patches, *n);
        if (!s)
            *n += LEAF_SLOTS - 1; /* nor any other of its leaf */
        else if (s->va)
            return s;
    }
    return NULL;
}

int patch_slot_in(struct mm *mm, uint64_t va, uint64_t size)
{
    const struct patch_slot *s;

    for (unsigned n = 0; (s = patch_slot_next(mm, &n)); n++) {
        if (s->live && s->va < va + size && va < s->va + s->site.size)
            return (int)n;
    }
    return -1;
}

bool patch_slot_was_at(struct mm *mm, uint64_t va)
{
    const struct patch_slot *s;

    for (unsigned n = 0; (s = patch_slot_next(mm, &n)); n++) {
        if (va - s->va < s->site.size)
            return true;
    }
    return false;
}

/* ---- a life ---- */

/* The page of a file that a site lies in. Two may be taken for one: then a slot stays left. */
static uint64_t text_of(const struct vma *v, uint64_t va)
{
    struct patch_key key = patch_key_of(0, v, va);

    return hash_pair(hash_pair(key.dev, key.ino), key.index);
}

/* Whatever was there has gone for good: nobody can come back to it. */
static bool is_gone(struct mm *mm, const struct patch_slot *s) HOLDS(mm->lock);
static bool is_gone(struct mm *mm, const struct patch_slot *s)
{
    const struct vma *v = vma_at(mm, s->va);

    return !v || !v->mappable || !(v->prot & PROT_EXEC) || text_of(v, s->va) != s->text;
}

static bool is_for(const struct patch_slot *s, uint64_t va, const struct patch_site *site)
{
    return s->va == va && memcmp(&s->site, site, sizeof *site) == 0;
}

bool patch_slot_is_free(struct mm *mm, unsigned n, uint64_t va, const struct patch_site *site)
{
    const struct patch_slot *s = patch_slot(mm->patches, n);

    return !s || !s->va || (!s->live && (is_for(s, va, site) || is_gone(mm, s)));
}

int patch_slot_find(struct mm *mm, uint64_t va, const struct patch_site *site)
{
    const struct patch_slot *s;

    for (unsigned n = 0; (s = patch_slot_next(mm, &n)); n++) {
        if (!s->live && is_for(s, va, site))
            return (int)n;
    }
    return -1;
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
    assert(!s->live);
    s->text = text_of(vma_at(mm, va), va);
    if (is_for(s, va, site))
        return 0; /* threads may be in its trampoline, which stays as it is */
    atomic_store_explicit(&s->va, 0, memory_order_relaxed);
    s->site = *site;
    atomic_store_explicit(&s->va, va, memory_order_release);
    return 0;
}

void patch_page_shown(struct mm *mm, const struct patch_page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        struct patch_slot *s = patch_slot(mm->patches, page->sites[i].slot);
        atomic_store_explicit(&s->live, true, memory_order_relaxed);
    }
}

void patch_page_gone(struct mm *mm, uint64_t va)
{
    struct patch_slot *s;

    if (!mm->patches)
        return;
    for (unsigned n = 0; (s = patch_slot_next(mm, &n)); n++) {
        if (page_down(s->va) == va)
            atomic_store_explicit(&s->live, false, memory_order_relaxed);
    }
    /* Last: who sees the old count and a live slot finds out later (patch_resumes()). */
    atomic_fetch_add_explicit(&mm->patches->gone, 1, memory_order_release);
}

/* ---- fork ---- */

static bool shows_patches(struct mm *mm, uint64_t va) HOLDS(mm->lock);
static bool shows_patches(struct mm *mm, uint64_t va)
{
    const pte_t *e = pt_find(mm, va);

    return e && (*e & PTE_PATCHED);
}

int patch_slots_fork(struct mm *to, struct mm *mm)
{
    struct patch_slot *s;

    for (unsigned i = 0; i < LEAVES; i++) {
        const struct patch_slot *leaf = mm->patches->leaves[i];
        if (!leaf)
            continue;
        struct patch_slot *copy = arena_alloc(mm->arena, LEAF_SLOTS * sizeof *copy);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, leaf, LEAF_SLOTS * sizeof *copy);
        to->patches->leaves[i] = copy;
    }
    /* Not every page is a child's. */
    for (unsigned n = 0; (s = patch_slot_next(to, &n)); n++) {
        if (s->live && !shows_patches(to, s->va))
            patch_page_gone(to, page_down(s->va));
    }
    return 0;
}
