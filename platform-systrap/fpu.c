/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FPU state. While a stub waits it is in the processor's registers, or where the host
 * keeps those: the stub moves it between there and its slot when told. A thread that
 * has no stub yet, or changes stubs, keeps its area here meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform-systrap/systrap_priv.h"

#define XSAVE_HEADER      512 /* SDM vol. 1, 13.4.2 */
#define XSAVE_HEADER_SIZE 64

static const struct xsave *xsave_of(const struct guest_thread *t)
{
    return &t->p->stubs.xsave;
}

static int keep_room(struct guest_thread *t)
{
    if (!t->fpu)
        t->fpu = calloc(1, xsave_of(t)->size);
    return t->fpu ? 0 : -ENOMEM;
}

/*
 * The slot's area as the stub can load it: with protection key 0 open. Where the guest has
 * that shut, the whole of PKRU is kept beside it.
 */
static void open_key(const struct xsave *x, struct slot *slot, const void *from)
{
    uint32_t pkru = xsave_pkru(x, from);
    bool shut = pkru & PKRU_KEY_0;

    slot->pkru = shut ? pkru : 0;
    if (shut)
        xsave_set_pkru(x, slot->fpu, PKRU_OPEN);
}

/* Has the stub write it to its slot, and copies it: from then on it is ours to look at. */
static int save(struct guest_thread *t, void *area)
{
    struct slot *slot = t->stub->slot;

    /* XSAVE leaves most of the header as it is. */
    memset(slot->fpu + XSAVE_HEADER, 0, XSAVE_HEADER_SIZE);
    int err = turn(t, ORDER_FPU_SAVE, 0);
    if (err)
        return err;
    xsave_copy(xsave_of(t), area, slot->fpu, area);
    xsave_normalize(xsave_of(t), area);
    uint32_t shut = slot_read(slot->pkru);
    if (shut)
        xsave_set_pkru(xsave_of(t), area, shut);
    return 0;
}

int systrap_fpu_keep(struct guest_thread *t)
{
    if (t->fpu_at != FPU_IN_STUB)
        return 0;
    int err = keep_room(t);
    if (!err)
        err = save(t, t->fpu);
    if (!err)
        t->fpu_at = FPU_KEPT;
    return err;
}

uint32_t systrap_fpu_orders(struct guest_thread *t)
{
    const struct xsave *x = xsave_of(t);

    if (t->fpu_at == FPU_IN_STUB)
        return 0;
    if (t->fpu_at == FPU_INITIAL && x->has_compact) {
        if (unlikely(slot_read(t->stub->slot->pkru)))
            t->stub->slot->pkru = 0;
        t->fpu_at = FPU_IN_STUB;
        return ORDER_FPU_INIT;
    }
    const void *from = t->fpu_at == FPU_KEPT ? t->fpu : x->initial;
    xsave_copy(x, t->stub->slot->fpu, from, from);
    open_key(x, t->stub->slot, from);
    t->fpu_at = FPU_IN_STUB;
    return ORDER_FPU_LOAD;
}

int systrap_fpu_get(struct guest_thread *t, void *area, size_t size)
{
    assert(size == xsave_of(t)->size);
    if (t->fpu_at == FPU_IN_STUB)
        return save(t, area);
    xsave_copy(xsave_of(t), area, t->fpu_at == FPU_KEPT ? t->fpu : xsave_of(t)->initial, area);
    xsave_normalize(xsave_of(t), area);
    return 0;
}

int systrap_fpu_set(struct guest_thread *t, const void *area, size_t size)
{
    assert(size == xsave_of(t)->size);
    if (!xsave_is_valid(xsave_of(t), area))
        return -EINVAL;
    int err = keep_room(t);
    if (err)
        return err;
    xsave_copy(xsave_of(t), t->fpu, area, area);
    t->fpu_at = FPU_KEPT;
    return 0;
}

void systrap_fpu_reset(struct guest_thread *t)
{
    t->fpu_at = FPU_INITIAL;
}
