/* SPDX-License-Identifier: Apache-2.0 */
#include "mm_world.h"

#include <errno.h>
#include <string.h>

#include "sentry/core/hostfd.h"
#include "sentry/core/slab.h"
#include "sentry/mm/late.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/vma.h"

void mm_world_start(struct mm_world *w, uint64_t ram)
{
    int err = arena_create(256 * MIB, &w->arena);
    assert(!err);
    rng_init_seeded(&w->rng, 1);
    arena_set_host(w->arena, HOST_RNG, &w->rng);
    err = hostfds_create(w->arena);
    assert(!err);
    w->platform.ops = &fake_platform;
    arena_set_host(w->arena, HOST_PLATFORM, &w->platform);
    err = ram_create(w->arena, ram);
    assert(!err);
    struct platform_options opts = { .ram_fd = ram_fd(w->arena) };
    err = fake_platform.create(&opts, &w->platform.platform);
    assert(!err);
    limits_init(&w->limits);
    err = mm_create(w->arena, &w->limits, NULL, NULL, &w->mm);
    assert(!err);
    struct aspace *as;
    err = mm_aspace(w->mm, &as); /* as when a guest has run */
    assert(!err);
}

void mm_world_stop(struct mm_world *w)
{
    mm_put(w->mm);
    assert(frames_check(w->arena));
    assert(ram_used(w->arena) == 0);
    assert(slab_live(w->arena, SLAB_mm) == 0);
    assert(slab_live(w->arena, SLAB_vma) == 0);
    assert(slab_live(w->arena, SLAB_window) == 0);
    assert(slab_live(w->arena, SLAB_shared_anon) == 0);
    assert(fake_counts(w->platform.platform).aspaces == 0);
    assert(fake_counts(w->platform.platform).files == 0);
    fake_platform.destroy(w->platform.platform);
    ram_destroy(w->arena);
    hostfds_destroy(w->arena);
    assert(arena_used(w->arena) == 0);
    arena_destroy(w->arena);
}

int64_t mm_world_map(struct mm_world *w, struct mm *mm, uint64_t at, uint64_t len, int prot,
                     int flags)
{
    struct map_source none = { 0 };
    uptr_t out;

    (void)w;
    int err = mm_map(mm, uptr(at), len, prot, flags, &none, &out);
    return err ? err : (int64_t)out.va;
}

static enum fault_result touch(struct mm *mm, uint64_t va, void *buf, size_t size, bool write)
{
    struct aspace *as;
    uint64_t at = va;

    int err = mm_aspace(mm, &as);
    assert(!err);
    for (int turns = 0; turns < 10000; turns++) {
        if (write ? fake_write(as, va, buf, size, &at) : fake_read(as, va, buf, size, &at))
            return FAULT_DONE;
        enum fault_result r = mm_fault(mm, uptr(at), write ? PROT_WRITE : PROT_READ, uptr(0));
        if (r != FAULT_DONE)
            return r;
    }
    assert(!"a fault that never ends");
    return FAULT_DONE;
}

enum fault_result mm_world_read(struct mm *mm, uint64_t va, void *buf, size_t size)
{
    return touch(mm, va, buf, size, false);
}

enum fault_result mm_world_write(struct mm *mm, uint64_t va, const void *buf, size_t size)
{
    return touch(mm, va, (void *)(uintptr_t)buf, size, true);
}

static bool shows(struct mm *mm, uint64_t va, pte_t e, bool partial) HOLDS(mm->lock);
static bool shows(struct mm *mm, uint64_t va, pte_t e, bool partial)
{
    struct fake_page page;
    struct backing at;
    bool late = late_has(mm, va);

    if (!fake_lookup(mm->aspace, va, &page))
        return late ? e != 0 : partial || !e;
    if (!e || late)
        return false;
    pfn_backing(mm->arena, pte_pfn(e), &at);
    return page.file == at.file && page.off == at.off && page.prot == pte_prot(e);
}

/* Pages around what is in the table, and all that is in vmas of moderate size. */
static bool agrees_locked(struct mm *mm, bool partial) HOLDS(mm->lock);
static bool agrees_locked(struct mm *mm, bool partial)
{
    for (struct vma *v = vma_find(mm, 0); v; v = vma_next(v)) {
        if (v->end - v->start > 64 * MIB)
            continue;
        for (uint64_t va = v->start; va < v->end; va += PAGE_SIZE) {
            const pte_t *slot = pt_find(mm, va);
            if (!shows(mm, va, slot ? *slot : 0, partial))
                return false;
        }
        struct fake_page page;
        const struct vma *next = vma_next(v);
        if ((!next || next->start > v->end) && fake_lookup(mm->aspace, v->end, &page))
            return false;
    }
    return true;
}

bool mm_world_agrees(struct mm *mm, bool partial)
{
    struct aspace *as;

    int err = mm_aspace(mm, &as);
    assert(!err);
    mm_enter(mm);
    bool ok = vma_check(mm) && agrees_locked(mm, partial || mm->partial);
    mm_leave(mm);
    return ok;
}
