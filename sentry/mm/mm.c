/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an address space, and the small things that live with it. */
#include "sentry/mm/mm.h"

#include <errno.h>
#include <string.h>

#include "base/panic.h"
#include "sentry/core/slab.h"
#include "sentry/mm/gone.h"
#include "sentry/mm/hot.h"
#include "sentry/mm/mm_priv.h"
#include "sentry/mm/pagetable.h"
#include "sentry/mm/patch_priv.h"
#include "sentry/mm/shadow.h"
#include "sentry/mm/unmap.h"
#include "sentry/mm/vma.h"

static const struct slab_type mm_slab =
    SLAB_TYPE(mm, struct mm, .const_ptrs = { PTR_AT(struct mm, hooks) },
              .host_ptrs = { PTR_AT(struct mm, aspace) });

void mm_enter(struct mm *mm)
{
    mutex_lock(&mm->lock);
}

void mm_leave(struct mm *mm)
{
    struct list dead = LIST_INIT(dead);
    struct vma *v;

    list_splice(&dead, &mm->graveyard);
    mutex_unlock(&mm->lock);
    while ((v = list_pop_front(&dead, struct vma, rmap)))
        vma_free(mm, v);
}

int mm_alloc(struct arena *a, struct limits *limits, struct mm **out)
{
    struct mm *mm = slab_alloc(a, &mm_slab);
    if (!mm)
        return -ENOMEM;
    ref_init(&mm->ref);
    mm->arena = a;
    mutex_init(&mm->lock, RANK_MM);
    list_init(&mm->graveyard);
    mm->limits = limits;
    mm->dumpable = 1;
    mm->late.eager = EAGER_MOST;
    mm->layout.mmap_base = mm_task_size(mm) - 128 * ((uint64_t)1 << 20) - STACK_GUARD;
    int err = patch_init(mm);
    if (!err)
        err = pt_create(mm);
    if (err) {
        patch_exit(mm);
        slab_free(mm);
        return err;
    }
    *out = mm;
    return 0;
}

bool mm_reuse_aspace(struct mm *mm)
{
    const struct platform_ref *p = platform_of(mm->arena);

    return mm->owned && p->ops->aspace_reuse &&
           p->ops->aspace_reuse(p->platform, &mm->owner, &mm->aspace) == 0;
}

static void own_aspace(struct mm *mm) HOLDS(mm->lock);
static void own_aspace(struct mm *mm)
{
    const struct platform_ref *p = platform_of(mm->arena);

    if (mm->aspace && p->ops->aspace_own)
        p->ops->aspace_own(mm->aspace, mm->owned ? &mm->owner : NULL);
}

static int make_aspace(struct mm *mm, struct aspace *seed) HOLDS(mm->lock);
static int make_aspace(struct mm *mm, struct aspace *seed)
{
    const struct platform_ref *p = platform_of(mm->arena);

    if (mm_reuse_aspace(mm))
        return 0;
    int err = p->ops->aspace_create(p->platform, seed, &mm->aspace);
    if (!err)
        own_aspace(mm);
    return err;
}

void mm_disown(struct mm *mm)
{
    mm_enter(mm);
    mm->owned = false;
    own_aspace(mm);
    mm_leave(mm);
}

int mm_create(struct arena *a, struct limits *limits, const struct aspace_owner *owner,
              struct aspace *seed, struct mm **out)
{
    struct mm *mm;

    int err = mm_alloc(a, limits, &mm);
    if (err)
        return err;
    mm->owned = owner;
    if (owner)
        mm->owner = *owner;
    mm->hot = hot_create(a);
    mm_enter(mm);
    err = mm->hot ? make_aspace(mm, seed) : -ENOMEM;
    mm_leave(mm);
    if (err) {
        mm_put(mm);
        return err;
    }
    mm->unseen = true;
    *out = mm;
    return 0;
}

struct mm *mm_get(struct mm *mm)
{
    ref_get(&mm->ref);
    return mm;
}

bool mm_is_shared(const struct mm *mm)
{
    return ref_count(&mm->ref) > 1;
}

/* What others could see of it. */
static void hide(struct mm *mm)
{
    mm_enter(mm);
    vma_remove_all(mm);
    mm_leave(mm);
    mm_set_exe(mm, NULL);
}

struct mm *mm_put_visible(struct mm *mm, struct pid *by)
{
    if (!mm || !ref_put(&mm->ref))
        return NULL;
    mm_set_process(mm, by);
    hide(mm);
    return mm;
}

void mm_end(struct mm *mm)
{
    hide(mm);
    mm_destroy(mm);
}

void mm_put(struct mm *mm)
{
    if (mm && ref_put(&mm->ref))
        mm_end(mm);
}

void mm_begin_destroy(struct mm *mm)
{
    const struct platform_ops *ops = platform_of(mm->arena)->ops;

    if (mm->aspace && ops->aspace_empty)
        ops->aspace_empty(mm->aspace);
}

void mm_destroy(struct mm *mm)
{
    const struct platform_ref *p = platform_of(mm->arena);

    /* The platform first: then no guest can reach what is given back. */
    p->ops->aspace_destroy(mm->aspace);
    patch_exit(mm);
    mm_enter(mm);
    mm->aspace = NULL;
    gone_drop(mm);
    unmap_range(mm, 0, mm_task_size(mm));
    assert(mm->nvmas == 0 && mm->total == 0 && mm->pins == 0);
    pt_destroy(mm);
    mm_leave(mm);
    hot_put(mm->hot);
    arena_free(mm->auxv);
    slab_free(mm);
}

void mm_set_limits(struct mm *mm, struct limits *limits)
{
    mm_enter(mm);
    mm->limits = limits;
    mm_leave(mm);
}

void mm_set_process(struct mm *mm, struct pid *process)
{
    mm_enter(mm);
    mm->process = process;
    mm_leave(mm);
}

void mm_abandon(struct mm *mm, const struct limits *mine, struct limits *orphan)
{
    mm_enter(mm);
    if (mm->limits == mine) {
        mm->limits = orphan;
        mm->process = NULL;
    }
    mm_leave(mm);
}

void mm_set_path_hooks(struct mm *mm, const struct path_hooks *hooks)
{
    mm_enter(mm);
    mm->hooks = hooks;
    mm_leave(mm);
}

uint64_t mm_task_size(const struct mm *mm)
{
    const struct platform_ref *p = platform_of(mm->arena);

    return p->ops->task_size(p->platform);
}

int mm_aspace(struct mm *mm, struct aspace **out)
{
    struct batch b;
    int err = 0;

    mm_enter(mm);
    if (!mm->aspace) {
        /* After a restore: the guest faults in what it needs. */
        err = make_aspace(mm, NULL);
        mm->partial = true;
        mm->late.count = 0;
        mm->maps = 0;
        /* Trampolines lead to what the old platform had. */
        batch_begin(&b, mm);
        patch_restore(mm, 0, mm_task_size(mm), &b);
        batch_end(&b);
    }
    if (!err && mm->unseen) {
        mm->unseen = false;
        shadow_refill(mm, 0, mm_task_size(mm));
    }
    if (!err)
        *out = mm->aspace;
    mm_leave(mm);
    return err;
}

/* ---- what exec leaves ---- */

void mm_set_layout(struct mm *mm, const struct mm_layout *layout)
{
    mm_enter(mm);
    mm->layout = *layout;
    if (mm->brk < layout->start_brk)
        mm->brk = layout->start_brk;
    mm->hole_top = mm->hole_len = 0;
    mm_leave(mm);
}

void mm_get_layout(struct mm *mm, struct mm_layout *out)
{
    mm_enter(mm);
    *out = mm->layout;
    mm_leave(mm);
}

int mm_set_auxv(struct mm *mm, const void *auxv, size_t size)
{
    void *copy = arena_alloc(mm->arena, size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, auxv, size);
    mm_enter(mm);
    void *old = mm->auxv;
    mm->auxv = copy;
    mm->auxv_size = size;
    mm_leave(mm);
    arena_free(old);
    return 0;
}

size_t mm_get_auxv(struct mm *mm, void *buf, size_t size)
{
    mm_enter(mm);
    size = min(size, mm->auxv_size);
    if (size)
        memcpy(buf, mm->auxv, size);
    mm_leave(mm);
    return size;
}

void mm_set_exe(struct mm *mm, void *path)
{
    mm_enter(mm);
    void *old = mm->exe;
    mm->exe = path;
    mm_leave(mm);
    if (old)
        mm->hooks->put(old);
}

void *mm_get_exe(struct mm *mm)
{
    mm_enter(mm);
    void *path = mm->exe ? mm->hooks->get(mm->exe) : NULL;
    mm_leave(mm);
    return path;
}

/* ---- prctl(2) and the like ---- */

int mm_dumpable(const struct mm *mm)
{
    return atomic_load_explicit(&mm->dumpable, memory_order_relaxed);
}

void mm_set_dumpable(struct mm *mm, int dumpable)
{
    atomic_store_explicit(&mm->dumpable, dumpable, memory_order_relaxed);
}

bool mm_thp_disabled(const struct mm *mm)
{
    return atomic_load_explicit(&mm->thp_disabled, memory_order_relaxed);
}

void mm_set_thp_disabled(struct mm *mm, bool off)
{
    atomic_store_explicit(&mm->thp_disabled, off, memory_order_relaxed);
}

int mm_barrier(struct mm *mm)
{
    int err = 0;

    mm_enter(mm);
    if (mm->aspace)
        err = platform_of(mm->arena)->ops->aspace_barrier(mm->aspace);
    mm_leave(mm);
    return err;
}

_Atomic uint32_t *mm_membarrier_state(struct mm *mm)
{
    return &mm->membarrier;
}
