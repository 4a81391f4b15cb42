/* SPDX-License-Identifier: Apache-2.0 */
/* What an address space has of patches, and threads that stop in one. */
#include "sentry/mm/patch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/hash.h"
#include "sentry/core/slab.h"
#include "sentry/mm/patch_priv.h"

#define NEVER UINT32_MAX /* a count: this call cannot be replaced */

static const struct slab_type patches_slab = SLAB_TYPE(patches, struct patches);

/* ---- a life ---- */

int patch_init(struct mm *mm)
{
    if (!patch_state(mm->arena))
        return 0;
    mm->patches = slab_alloc(mm->arena, &patches_slab);
    if (!mm->patches)
        return -ENOMEM;
    mm->patches->owner = PATCH_ALONE;
    return 0;
}

void patch_set_owner(struct mm *mm, uint32_t uid)
{
    if (mm->patches)
        atomic_store_explicit(&mm->patches->owner, uid, memory_order_relaxed);
}

int patch_fork(struct mm *to, struct mm *mm)
{
    struct patches *p = mm->patches, *copy = to->patches;

    if (!p || !copy)
        return 0;
    copy->owner = atomic_load_explicit(&p->owner, memory_order_relaxed);
    copy->off = atomic_load_explicit(&p->off, memory_order_relaxed);
    copy->lost = atomic_load_explicit(&p->lost, memory_order_relaxed);
    copy->gone = atomic_load_explicit(&p->gone, memory_order_relaxed);
    return patch_slots_fork(to, mm);
}

void patch_exit(struct mm *mm)
{
    struct patches *p = mm->patches;

    for (unsigned i = 0; p && i < LEAVES; i++)
        arena_free(p->leaves[i]);
    slab_free(p);
    mm->patches = NULL;
}

void patch_off(struct mm *mm)
{
    if (!patch_is_on(mm))
        return;
    mm_enter(mm);
    patch_region_leave(mm);
    mm_leave(mm);
}

/* ---- calls that trap ---- */

/* How often the call that ends at `rip` has trapped; 0 where it is not to be looked at. */
static uint32_t count_trap(struct patches *p, uint64_t rip)
{
    uint64_t h = hash_u64(rip);

    for (unsigned i = 0; i < 2; i++, h >>= 32) {
        _Atomic uint64_t *at = &p->traps[h % TRAPS].rip;
        _Atomic uint32_t *count = &p->traps[h % TRAPS].count;
        uint32_t n = atomic_load_explicit(count, memory_order_relaxed);
        if (atomic_load_explicit(at, memory_order_relaxed) != rip) {
            if (n != 0)
                continue;
            atomic_store_explicit(at, rip, memory_order_relaxed);
        }
        if (n == NEVER)
            return 0;
        atomic_store_explicit(count, n + 1 < TRAPS_MANY ? n + 1 : 0, memory_order_relaxed);
        return n + 1;
    }
    /* Both places belong to others, which get older. */
    _Atomic uint32_t *count = &p->traps[hash_u64(rip) % TRAPS].count;
    uint32_t n = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, n == NEVER ? 1 : n - (n > 0), memory_order_relaxed);
    return 0;
}

/*
 * A program that runs for a moment makes few calls from each site, but the next one makes
 * the same: those that come more than once in a program are summed up over all of them.
 */
static bool is_dear(struct mm *mm, uint64_t rip, uint32_t count) HOLDS(mm->lock);
static bool is_dear(struct mm *mm, uint64_t rip, uint32_t count)
{
    return count >= TRAPS_MANY || patch_heat(mm, rip, count / 2) >= TRAPS_MANY;
}

static void never_again(struct patches *p, uint64_t rip)
{
    uint64_t h = hash_u64(rip);

    for (unsigned i = 0; i < 2; i++, h >>= 32) {
        if (atomic_load_explicit(&p->traps[h % TRAPS].rip, memory_order_relaxed) == rip)
            atomic_store_explicit(&p->traps[h % TRAPS].count, NEVER, memory_order_relaxed);
    }
}

/* How often sites have ceased to be live: a detour is as good as this is the same. */
static uint64_t count_gone(const struct mm *mm)
{
    return atomic_load_explicit(&mm->patches->gone, memory_order_acquire);
}

/* Where a thread goes on in a site that has just been replaced, or 0. */
static uint64_t way_in(struct mm *mm, uint64_t rip) HOLDS(mm->lock);
static uint64_t way_in(struct mm *mm, uint64_t rip)
{
    int n = patch_slot_in(mm, rip, 1);

    if (n < 0)
        return 0;
    const struct patch_slot *s = patch_slot(mm->patches, (unsigned)n);
    return patch_ops_of(mm)->enter(&s->site, (unsigned)n, s->va, rip);
}

static void note_trap(struct mm *mm, const struct guest_regs *regs, struct patch_detour *d)
{
    atomic_fetch_add_explicit(&patch_state(mm->arena)->traps, 1, memory_order_relaxed);
    uint32_t count = count_trap(mm->patches, regs->rip);
    if (count < 2 || (count & (count - 1)))
        return;
    mm_enter(mm);
    bool dear = is_dear(mm, regs->rip, count);
    if (dear && !patch_make(mm, regs->rip, regs->orig_rax))
        never_again(mm->patches, regs->rip);
    if (dear)
        *d = (struct patch_detour){ regs->rip, way_in(mm, regs->rip), count_gone(mm) };
    mm_leave(mm);
}

/* ---- threads that stop ---- */

/* A thread in a trampoline: it seems to be at its site. If that is left, it will be. */
static void leave(struct mm *mm, struct guest_regs *regs, enum platform_stop why,
                  struct patch_detour *d)
{
    const struct patch_ops *ops = patch_ops_of(mm);
    uint64_t gone = count_gone(mm); /* first: patch_page_gone() */
    int n = ops->slot_at(regs->rip);
    const struct patch_slot *s = n < 0 ? NULL : patch_slot(mm->patches, (unsigned)n);
    uint64_t va = s ? atomic_load_explicit(&s->va, memory_order_acquire) : 0;

    if (!va)
        return;
    uint64_t at = ops->leave(&s->site, (unsigned)n, va, regs->rip);
    if (atomic_load_explicit(&s->live, memory_order_relaxed))
        *d = (struct patch_detour){ at, regs->rip, gone };
    regs->rip = at;
    if (why == STOP_SYSCALL)
        regs->rcx = regs->rip;
}

/*
 * A thread that met bytes of ours in the middle of a site. Where the site has been given
 * back meanwhile, the thread is shown what is there now; if that raises, too, it is not ours.
 */
static bool mend_locked(struct mm *mm, const struct guest_regs *regs, struct patch_detour *d)
    HOLDS(mm->lock);
static bool mend_locked(struct mm *mm, const struct guest_regs *regs, struct patch_detour *d)
{
    struct patches *p = mm->patches;
    uint64_t to = way_in(mm, regs->rip);

    if (to) {
        *d = (struct patch_detour){ regs->rip, to, count_gone(mm) };
        return true;
    }
    if (!patch_slot_was_at(mm, regs->rip))
        return false;
    if (p->strike.rip == regs->rip && p->strike.sp == regs->rsp && p->strike.gen == mm->gen) {
        p->strike.rip = 0;
        return false;
    }
    p->strike.rip = regs->rip;
    p->strike.sp = regs->rsp;
    p->strike.gen = mm->gen;
    return true;
}

static bool mend(struct mm *mm, const struct guest_regs *regs, struct patch_detour *d)
{
    mm_enter(mm);
    bool ours = patch_has_region(mm) && mend_locked(mm, regs, d);
    mm_leave(mm);
    if (ours)
        atomic_fetch_add_explicit(&patch_state(mm->arena)->mended, 1, memory_order_relaxed);
    return ours;
}

/* What the bytes of a replaced site raise: an invalid or a privileged instruction. */
static bool is_raised_by_us(const struct guest_stop *stop)
{
    return (stop->why == STOP_FAULT || stop->why == STOP_EXCEPTION) &&
           (stop->signo == SIGILL || (stop->signo == SIGSEGV && stop->code == SI_KERNEL));
}

/* Who has shut protection key 0 (pkeys(7)) has shut our pointers with it. */
static bool cannot_read_ours(const struct guest_stop *stop, const struct patch_ops *ops)
{
    return stop->why == STOP_FAULT && stop->code == SEGV_PKUERR &&
           stop->addr.va - ops->start < ops->size;
}

bool patch_stopped(struct mm *mm, struct guest_regs *regs, const struct guest_stop *stop,
                   struct patch_detour *d)
{
    if (!stop->brief || stop->why == STOP_SYSCALL) /* else it has not run since */
        *d = (struct patch_detour){ .gone = mm->patches ? count_gone(mm) : 0 };
    if (stop->brief || !patch_has_region(mm))
        return false;
    const struct patch_ops *ops = patch_ops_of(mm);
    if (unlikely(regs->gs_base))
        patch_off(mm); /* set by an instruction, maybe: by %gs its calls find what is its own */
    if (unlikely(is_raised_by_us(stop)) && regs->rip - ops->start >= ops->size)
        return mend(mm, regs, d);
    if (regs->rip - ops->start < ops->size)
        leave(mm, regs, stop->why, d);
    else if (stop->why == STOP_SYSCALL && stop->trapped && !stop->int80 && patch_is_on(mm))
        note_trap(mm, regs, d);
    if (unlikely(cannot_read_ours(stop, ops))) {
        *d = (struct patch_detour){ 0 };
        patch_off(mm);
        return true;
    }
    return false;
}

void patch_shows(struct mm *mm, struct guest_regs *regs, struct patch_detour *d)
{
    if (mm->patches && regs->rip - patch_ops_of(mm)->start < patch_ops_of(mm)->size)
        leave(mm, regs, STOP_SYSCALL, d);
}

bool patch_may_return(const struct mm *mm, const struct patch_detour *d)
{
    return patch_has_region(mm) && d->gone == count_gone(mm);
}

void patch_resumes(struct mm *mm, struct guest_regs *regs, struct patch_detour *d)
{
    if (d->to && regs->rip == d->from && patch_is_on(mm) && d->gone == count_gone(mm))
        regs->rip = d->to;
    d->to = 0;
}
