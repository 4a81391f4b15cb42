/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing sites: one that has become dear, or all that are known of a file that is
 * mapped again.
 *
 * The order is that of a lock-free list: first the slot, then its trampoline, last the page
 * that leads there, which takes the old one's place in one step.
 */
#include <string.h>

#include "sentry/mm/copy.h"
#include "sentry/mm/fault.h"
#include "sentry/mm/patch_priv.h"

#define TEXT_BEFORE 1024u /* bytes around a call that the planner sees */
#define TEXT_AFTER  512u

/* Is it code that nobody can change by an ordinary write? */
static bool is_text(const struct vma *v)
{
    return v->mappable && !(v->flags & VMA_SHARED) && (v->prot & PROT_EXEC) &&
           !(v->prot & PROT_WRITE);
}

static bool has_writers(struct mappable *m)
{
    mutex_lock(&m->lock);
    bool some = m->writers > 0;
    mutex_unlock(&m->lock);
    return some;
}

/* A page of a file as it is there, or with sites replaced: no copy of the guest's own. */
static bool is_clean(pte_t e)
{
    return (e & PTE_PRESENT) && !(e & PTE_ANON);
}

/* ---- the text around a call ---- */

struct view {
    uint64_t va; /* of the first byte */
    size_t size;
    uint8_t bytes[TEXT_BEFORE + TEXT_AFTER + PATCH_SITE_MAX];
};

/* Copies the part of a clean page that lies in [from, to). False: there is none. */
static bool read_part(struct mm *mm, uint64_t from, uint64_t to, void *out) HOLDS(mm->lock);
static bool read_part(struct mm *mm, uint64_t from, uint64_t to, void *out)
{
    const pte_t *slot = pt_find(mm, from);
    char *page;

    return slot && is_clean(*slot) && !pfn_ptr(mm->arena, pte_pfn(*slot), &page) &&
           !mem_copy(out, page + (from & PAGE_MASK), to - from);
}

/* What there is in [from, to) without a hole around `at`. False: not even that. */
static bool view_text(struct mm *mm, uint64_t from, uint64_t to, uint64_t at, struct view *out)
    HOLDS(mm->lock);
static bool view_text(struct mm *mm, uint64_t from, uint64_t to, uint64_t at, struct view *out)
{
    out->va = from;
    out->size = 0;
    while (from < to) {
        uint64_t end = min(page_down(from) + PAGE_SIZE, to);
        if (read_part(mm, from, end, out->bytes + out->size)) {
            out->size += end - from;
        } else if (from > at) {
            break;
        } else {
            out->va = end;
            out->size = 0;
        }
        from = end;
    }
    return out->va <= at && at < out->va + out->size;
}

/* Looks for a site in the page of the call. */
static bool plan(struct mm *mm, const struct vma *v, uint64_t rip, uint64_t rax,
                 struct patch_site *out) HOLDS(mm->lock);
static bool plan(struct mm *mm, const struct vma *v, uint64_t rip, uint64_t rax,
                 struct patch_site *out)
{
    uint64_t call = rip - 1, page = page_down(call); /* its last byte */
    struct view view;

    uint64_t from = call > TEXT_BEFORE ? max(v->start, call - TEXT_BEFORE) : v->start;
    if (!view_text(mm, from, min(v->end, call + TEXT_AFTER), call, &view))
        return false;
    uint64_t end = view.va + view.size;
    struct patch_text text = {
        .bytes = view.bytes,
        .size = view.size,
        .from = max(page, view.va) - view.va,
        .to = min(page + PAGE_SIZE, end) - view.va,
        .after = rip - view.va,
        .rax = rax,
    };
    return patch_ops_of(mm)->plan(&text, out);
}

/* ---- slots ---- */

/* A slot for a site, which is recorded there. */
static bool take_slot(struct mm *mm, uint64_t va, const struct patch_site *site, unsigned *out)
    HOLDS(mm->lock);
static bool take_slot(struct mm *mm, uint64_t va, const struct patch_site *site, unsigned *out)
{
    struct patch_state *st = patch_state(mm->arena);
    unsigned slots = patch_ops_of(mm)->slots;
    int known = patch_slot_find(mm, va, site);

    if (known >= 0) {
        *out = (unsigned)known;
        return !patch_slot_take(mm, *out, va, site);
    }
    mutex_lock(&st->lock);
    unsigned first = st->next_slot;
    st->next_slot = (first + 1) % slots;
    mutex_unlock(&st->lock);
    for (unsigned i = 0; i < slots; i++) {
        unsigned n = (first + i) % slots;
        if (patch_slot_is_free(mm, n, va, site)) {
            *out = n;
            return !patch_slot_take(mm, n, va, site);
        }
    }
    return false;
}

/* ---- one site ---- */

/* What is replaced in the page at `va` now, by the slots that lead out of it. */
static void list_sites(struct mm *mm, uint64_t va, struct patch_page *out) HOLDS(mm->lock);
static void list_sites(struct mm *mm, uint64_t va, struct patch_page *out)
{
    const struct patch_slot *s;

    out->count = 0;
    for (unsigned n = 0; (s = patch_slot_next(mm, &n)); n++) {
        if (!s->live || page_down(s->va) != va)
            continue;
        assert(out->count < PAGE_SITES);
        out->sites[out->count++] =
            (struct patch_page_site){ (uint16_t)(s->va - va), (uint16_t)n, s->site };
    }
}

/* A copy of the page at `va` with one more site replaced. */
static bool copy_page(struct mm *mm, uint64_t va, struct patch_page *page) HOLDS(mm->lock);
static bool copy_page(struct mm *mm, uint64_t va, struct patch_page *page)
{
    const struct patch_page_site *s = &page->sites[page->count - 1];
    uint8_t bytes[PATCH_SITE_MAX];

    if (frame_alloc(mm->arena, &page->pfn))
        return false;
    char *to = frame_ptr(mm->arena, page->pfn);
    patch_ops_of(mm)->replace(&s->site, s->slot, bytes);
    if (!read_part(mm, va, va + PAGE_SIZE, to) ||
        memcmp(to + s->off, s->site.old, s->site.size) != 0) {
        frame_put(mm->arena, page->pfn, 1);
        return false;
    }
    memcpy(to + s->off, bytes, s->site.size);
    return true;
}

/* Puts a page in the place of what is there. The frame's reference is taken. */
static void show_page(struct mm *mm, const struct vma *v, uint64_t va,
                      const struct patch_page *page, struct batch *b) HOLDS(mm->lock);
static void show_page(struct mm *mm, const struct vma *v, uint64_t va,
                      const struct patch_page *page, struct batch *b)
{
    pte_t *e = pt_find(mm, va), was = *e;

    pt_set(mm, va, e, pte_make(v, page->pfn, PTE_PATCHED));
    patch_page_shown(mm, page);
    batch_map(b, va, *e, 1);
    batch_put(b, pte_pfn(was), 1);
}

static bool replace(struct mm *mm, const struct vma *v, uint64_t site_va,
                    const struct patch_site *site) HOLDS(mm->lock);
static bool replace(struct mm *mm, const struct vma *v, uint64_t site_va,
                    const struct patch_site *site)
{
    uint64_t va = page_down(site_va);
    uint32_t owner = atomic_load_explicit(&mm->patches->owner, memory_order_relaxed);
    struct patch_page page = { .key = patch_key_of(owner, v, va) };
    struct batch b;
    unsigned n;

    list_sites(mm, va, &page);
    if (page.count == PAGE_SITES || !take_slot(mm, site_va, site, &n))
        return false;
    page.sites[page.count++] =
        (struct patch_page_site){ (uint16_t)(site_va - va), (uint16_t)n, *site };
    if (!copy_page(mm, va, &page))
        return false;
    batch_begin(&b, mm);
    bool done = !patch_region_write(mm, n, &b);
    if (done) {
        if (owner != PATCH_ALONE)
            patch_page_remember(mm->arena, &page);
        show_page(mm, v, va, &page, &b);
    } else {
        frame_put(mm->arena, page.pfn, 1);
    }
    batch_end(&b);
    return done;
}

bool patch_make(struct mm *mm, uint64_t rip, uint64_t rax)
{
    const struct vma *v = rip ? vma_at(mm, rip - 1) : NULL;
    struct patch_site site;

    if (!patch_is_on(mm) || !v || !is_text(v) || has_writers(v->mappable))
        return false;
    const pte_t *e = pt_find(mm, rip - 1);
    if (!e || !is_clean(*e) || fault_must_save(mm))
        return false;
    /* Another thread was here first, and this one called just before. */
    if (patch_slot_in(mm, rip - 1, 1) >= 0)
        return true;
    if (!plan(mm, v, rip, rax, &site) || patch_slot_in(mm, rip - site.after, site.size) >= 0)
        return false;
    if (!patch_region_make(mm))
        return false;
    if (!replace(mm, v, rip - site.after, &site))
        return false;
    atomic_fetch_add_explicit(&patch_state(mm->arena)->sites, 1, memory_order_relaxed);
    return true;
}

/* ---- all that is known ---- */

/* Is the page at `va` what the known one was made from? */
static bool is_same(struct mm *mm, uint64_t va, const struct patch_page *page) HOLDS(mm->lock);
static bool is_same(struct mm *mm, uint64_t va, const struct patch_page *page)
{
    const char *known = frame_ptr(mm->arena, page->pfn);
    char now[PAGE_SIZE];

    if (!read_part(mm, va, va + PAGE_SIZE, now))
        return false;
    for (uint32_t i = 0; i < page->count; i++) {
        const struct patch_page_site *s = &page->sites[i];
        if (memcmp(now + s->off, s->site.old, s->site.size) != 0)
            return false;
        memcpy(now + s->off, known + s->off, s->site.size);
    }
    return memcmp(now, known, PAGE_SIZE) == 0;
}

/* Gives each site its slot here, and the trampoline. */
static bool lead_out(struct mm *mm, uint64_t va, const struct patch_page *page, struct batch *b)
    HOLDS(mm->lock);
static bool lead_out(struct mm *mm, uint64_t va, const struct patch_page *page, struct batch *b)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const struct patch_page_site *s = &page->sites[i];
        if (!patch_slot_is_free(mm, s->slot, va + s->off, &s->site))
            return false; /* the same page, mapped twice; or too many sites */
    }
    for (uint32_t i = 0; i < page->count; i++) {
        const struct patch_page_site *s = &page->sites[i];
        if (patch_slot_take(mm, s->slot, va + s->off, &s->site) ||
            patch_region_write(mm, s->slot, b))
            return false;
    }
    return true;
}

static bool apply(struct mm *mm, const struct vma *v, uint64_t va, const struct patch_page *page,
                  struct batch *b) HOLDS(mm->lock);
static bool apply(struct mm *mm, const struct vma *v, uint64_t va, const struct patch_page *page,
                  struct batch *b)
{
    const pte_t *e = pt_find(mm, va);

    if (!e || !is_clean(*e) || (*e & PTE_PATCHED) || !is_same(mm, va, page) ||
        !patch_region_make(mm) || !lead_out(mm, va, page, b))
        return false;
    show_page(mm, v, va, page, b);
    atomic_fetch_add_explicit(&patch_state(mm->arena)->shared, page->count, memory_order_relaxed);
    return true;
}

/* What is known by the programs of one user. */
static void apply_all(struct mm *mm, uint32_t owner, const struct vma *v, uint64_t va,
                      uint64_t count, struct batch *b) HOLDS(mm->lock);
static void apply_all(struct mm *mm, uint32_t owner, const struct vma *v, uint64_t va,
                      uint64_t count, struct batch *b)
{
    struct patch_page page;
    struct patch_key key = patch_key_of(owner, v, va);
    uint64_t first = key.index, end = first + count;
    while (patch_page_next(mm->arena, &key, end, &page)) {
        if (!apply(mm, v, va + (page.key.index - first) * PAGE_SIZE, &page, b))
            frame_put(mm->arena, page.pfn, 1);
        key.index = page.key.index + 1;
    }
}

void patch_ahead(struct mm *mm, struct vma *v, uint64_t va, uint64_t count, struct batch *b)
{
    if (!patch_is_on(mm) || !is_text(v) || fault_must_save(mm))
        return;
    uint32_t owner = atomic_load_explicit(&mm->patches->owner, memory_order_relaxed);
    if (owner == PATCH_ALONE)
        return;
    apply_all(mm, owner, v, va, count, b);
    if (owner != 0)
        apply_all(mm, 0, v, va, count, b);
}
