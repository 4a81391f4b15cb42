/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which slot. As long as one stub of an address space lives it may write the slots that
 * the others have, or have had: so they stay with the address space, each for one stub after
 * the other, until the last one is gone. Number 0 is the end of a chain.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/host.h"
#include "base/panic.h"
#include "platform-systrap/systrap_priv.h"

#define SLOTS_KEPT 256 /* from new threads: who has called execve(2) can be told no more */

static uint32_t take_locked(struct platform *p, struct aspace *as) HOLDS(p->stubs.lock);
static uint32_t take_locked(struct platform *p, struct aspace *as)
{
    uint32_t n = as->slots;

    if (n) {
        as->slots = p->next_slot[n];
        return n;
    }
    n = (uint32_t)bitmap_find_next_zero(p->slots, SLOTS_MAX, 1);
    if (n == SLOTS_MAX)
        return 0;
    bitmap_set(p->slots, n);
    atomic_fetch_add_explicit(&p->slot_count, 1, memory_order_relaxed);
    return n;
}

static uint32_t take(struct platform *p, struct aspace *as)
{
    mutex_lock(&p->stubs.lock);
    uint32_t n = take_locked(p, as);
    mutex_unlock(&p->stubs.lock);
    return n;
}

/* The stub before it may have left anything. All other words are written before they are read. */
static void clear(struct slot *slot)
{
    memset((void *)slot, 0, offsetof(struct slot, regs));
    atomic_store(&slot->turn, TURN_SENTRY);
}

uint32_t slot_get(struct platform *p, struct aspace *as)
{
    uint32_t n = take(p, as);

    if (!n) {
        corpse_reap_all(&p->stubs); /* some that are free but for that */
        n = take(p, as);
    }
    while (!n && stubs_make_room(&p->stubs, -EAGAIN))
        n = take(p, as);
    if (n)
        clear(slot_at(p, n));
    return n;
}

static bool has_room(const struct platform *p)
{
    return atomic_load_explicit(&p->slot_count, memory_order_relaxed) < SLOTS_MAX - SLOTS_KEPT;
}

bool slots_room(struct platform *p)
{
    if (unlikely(!has_room(p)))
        corpse_reap_all(&p->stubs);
    return has_room(p);
}

void slot_put(struct stubs *stubs, const struct corpse *c)
{
    struct platform *p = container_of(stubs, struct platform, stubs);

    if (!c->slot)
        return;
    p->next_slot[c->slot] = c->as->slots;
    c->as->slots = c->slot;
}

void slots_bury(struct stubs *stubs, struct aspace *as)
{
    struct platform *p = container_of(stubs, struct platform, stubs);

    for (uint32_t n = as->slots; n; n = p->next_slot[n]) {
        int err = host_madvise(slot_at(p, n), SLOT_SIZE, MADV_REMOVE);
        if (err)
            panic("a slot cannot be emptied: %d", err);
        bitmap_clear(p->slots, n);
        atomic_fetch_sub_explicit(&p->slot_count, 1, memory_order_relaxed);
    }
}
