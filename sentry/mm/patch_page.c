/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages with replaced sites that are kept for whoever maps the same page of the same file
 * next. A file may have changed since: a page is used only where its bytes, with the sites
 * put back, are those of the file now. So nothing has to watch files, and a wrong guess
 * at who is who costs a comparison. Nor does it matter then who else could write the file.
 *
 * But that a site is code, and not two bytes in the middle of something, we have from a
 * program that called there. It can harm itself so, and those of the same user, who could
 * be harmed by it anyway: patch_set_owner() is told of nobody that may be locked up.
 */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "sentry/core/slab.h"
#include "sentry/mm/copy.h"
#include "sentry/mm/patch_priv.h"

static const struct slab_type state_slab = SLAB_TYPE(patch_state, struct patch_state);
static const struct slab_type page_slab = SLAB_TYPE(patch_page, struct patch_page);

int patch_create(struct arena *a)
{
    if (!platform_of(a)->ops->patch)
        return 0;
    struct patch_state *st = slab_alloc(a, &state_slab);
    if (!st)
        return -ENOMEM;
    mutex_init(&st->lock, RANK_PATCH);
    list_init(&st->lru);
    arena_set_root(a, ROOT_PATCHES, st);
    return 0;
}

bool patch_get_stats(struct arena *a, struct patch_stats *out)
{
    struct patch_state *st = patch_state(a);

    if (!st)
        return false;
    out->sites = atomic_load_explicit(&st->sites, memory_order_relaxed);
    out->shared = atomic_load_explicit(&st->shared, memory_order_relaxed);
    out->traps = atomic_load_explicit(&st->traps, memory_order_relaxed);
    out->mended = atomic_load_explicit(&st->mended, memory_order_relaxed);
    return true;
}

/* ---- the tree ---- */

static int compare(const struct patch_key *a, const struct patch_key *b)
{
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    if (a->dev != b->dev)
        return a->dev < b->dev ? -1 : 1;
    if (a->ino != b->ino)
        return a->ino < b->ino ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static bool before(const struct rb_node *a, const struct rb_node *b)
{
    return compare(&rb_entry(a, struct patch_page, node)->key,
                   &rb_entry(b, struct patch_page, node)->key) < 0;
}

/* The first page whose key is not below `key`. */
static struct patch_page *find_locked(struct patch_state *st, const struct patch_key *key)
    HOLDS(st->lock);
static struct patch_page *find_locked(struct patch_state *st, const struct patch_key *key)
{
    struct rb_node *at = st->pages.node;
    struct patch_page *found = NULL;

    while (at) {
        struct patch_page *p = rb_entry(at, struct patch_page, node);
        if (compare(&p->key, key) < 0) {
            at = at->right;
        } else {
            found = p;
            at = at->left;
        }
    }
    return found;
}

static void forget_locked(struct arena *a, struct patch_state *st, struct patch_page *p)
    HOLDS(st->lock);
static void forget_locked(struct arena *a, struct patch_state *st, struct patch_page *p)
{
    rb_erase(&st->pages, &p->node);
    list_del(&p->lru);
    st->count--;
    frame_put(a, p->pfn, 1);
    slab_free(p);
}

void patch_destroy(struct arena *a)
{
    struct patch_state *st = patch_state(a);

    if (!st)
        return;
    mutex_lock(&st->lock);
    while (!list_empty(&st->lru))
        forget_locked(a, st, list_first(&st->lru, struct patch_page, lru));
    mutex_unlock(&st->lock);
    slab_free(st);
    arena_set_root(a, ROOT_PATCHES, NULL);
}

static void remember_locked(struct arena *a, struct patch_state *st, const struct patch_page *page)
    HOLDS(st->lock);
static void remember_locked(struct arena *a, struct patch_state *st, const struct patch_page *page)
{
    struct patch_page *p = find_locked(st, &page->key);

    if (p && compare(&p->key, &page->key) == 0) {
        if (p->count > page->count)
            return; /* another address space had more of it replaced */
        forget_locked(a, st, p);
    }
    if (st->count == PAGES_MAX)
        forget_locked(a, st, list_first(&st->lru, struct patch_page, lru));
    p = slab_alloc(a, &page_slab);
    if (!p)
        return;
    *p = *page;
    list_init(&p->lru);
    frame_get(a, p->pfn, 1);
    rb_insert(&st->pages, &p->node, before);
    list_push_back(&st->lru, &p->lru);
    st->count++;
}

void patch_page_remember(struct arena *a, const struct patch_page *page)
{
    struct patch_state *st = patch_state(a);

    mutex_lock(&st->lock);
    remember_locked(a, st, page);
    mutex_unlock(&st->lock);
}

bool patch_page_next(struct arena *a, const struct patch_key *key, uint64_t end,
                     struct patch_page *out)
{
    struct patch_state *st = patch_state(a);

    mutex_lock(&st->lock);
    struct patch_page *p = find_locked(st, key);
    bool found = p && p->key.owner == key->owner && p->key.dev == key->dev &&
                 p->key.ino == key->ino && p->key.index < end;
    if (found) {
        list_del(&p->lru);
        list_push_back(&st->lru, &p->lru);
        frame_get(a, p->pfn, 1);
        *out = *p;
    }
    mutex_unlock(&st->lock);
    return found;
}

uint32_t patch_heat(struct mm *mm, uint64_t rip, uint32_t traps)
{
    struct patch_state *st = patch_state(mm->arena);
    const struct vma *v = vma_at(mm, rip - 1);

    if (!v || !v->mappable)
        return 0;
    struct patch_key file = patch_key_of(0, v, rip - 1);
    uint64_t key =
        hash_pair(hash_pair(file.dev, file.ino), file.index * PAGE_SIZE + (rip & PAGE_MASK));
    _Atomic uint64_t *at = &st->heats[key % HEATS].key;
    _Atomic uint32_t *heat = &st->heats[key % HEATS].heat;
    if (atomic_load_explicit(at, memory_order_relaxed) != key) {
        atomic_store_explicit(at, key, memory_order_relaxed);
        atomic_store_explicit(heat, 0, memory_order_relaxed);
    }
    return atomic_fetch_add_explicit(heat, traps, memory_order_relaxed) + traps;
}

struct patch_key patch_key_of(uint32_t owner, const struct vma *v, uint64_t va)
{
    return (struct patch_key){ owner, v->mappable->dev, v->mappable->ino, vma_index(v, va) };
}
