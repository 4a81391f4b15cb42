/* SPDX-License-Identifier: Apache-2.0 */
/* A few operations in no order, none of which overlap, and two counters that guess. */
#include "sentry/mm/late.h"

#define LATE_SPARE  4u  /* operations that cuts may make of others */
#define EAGER_LEAST 2u  /* mm->late.eager: from here on ranges do not wait */
#define LOOK_EVERY  64u /* of the ranges that do not wait, one is looked at */

static struct late_op *op_of(struct mm *mm, uint64_t va)
{
    for (uint32_t i = 0; i < mm->late.count; i++) {
        struct late_op *o = &mm->late.ops[i];
        if (va >= o->op.va && va - o->op.va < o->op.size)
            return o;
    }
    return NULL;
}

bool late_has(const struct mm *mm, uint64_t va)
{
    return op_of((struct mm *)mm, va);
}

static bool overlaps(const struct mem_op *op, uint64_t start, uint64_t end)
{
    return op->va < end && op->va + op->size > start;
}

bool late_overlaps(const struct mm *mm, uint64_t start, uint64_t end)
{
    for (uint32_t i = 0; i < mm->late.count; i++) {
        if (overlaps(&mm->late.ops[i].op, start, end))
            return true;
    }
    return false;
}

bool late_keep(struct mm *mm, const struct mem_op *ops, uint32_t n, bool guess)
{
    if (mm->late.count + 2 * n + LATE_SPARE > LATE_OPS)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (ops[i].kind != MEM_MAP)
            return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        /* A later one may replace part of an earlier one: what patch_ahead() does. */
        late_cut(mm, ops[i].va, ops[i].va + ops[i].size);
        mm->late.ops[mm->late.count++] = (struct late_op){ ops[i], guess };
    }
    return true;
}

/* What is left of an operation behind `end` becomes one of its own. */
static void keep_rest(struct mm *mm, const struct late_op *o, uint64_t end)
{
    struct late_op rest = *o;

    if (mm->late.count == LATE_OPS) {
        mm->partial = true; /* faults will show it */
        return;
    }
    rest.op.off += end - o->op.va;
    rest.op.size -= end - o->op.va;
    rest.op.va = end;
    mm->late.ops[mm->late.count++] = rest;
}

void late_cut(struct mm *mm, uint64_t start, uint64_t end)
{
    for (uint32_t i = mm->late.count; i-- > 0;) {
        struct late_op *o = &mm->late.ops[i];

        if (!overlaps(&o->op, start, end))
            continue;
        if (o->op.va + o->op.size > end)
            keep_rest(mm, o, end);
        if (o->op.va < start)
            o->op.size = start - o->op.va;
        else
            *o = mm->late.ops[--mm->late.count];
    }
}

uint32_t late_take(struct mm *mm, struct mem_op *out)
{
    uint32_t n = mm->late.count;

    for (uint32_t i = 0; i < n; i++)
        out[i] = mm->late.ops[i].op;
    mm->late.count = 0;
    return n;
}

/* ---- guesses ---- */

bool late_is_worth_it(struct mm *mm)
{
    if (mm->late.eager < EAGER_LEAST)
        return true;
    return ++mm->late.turn % LOOK_EVERY == 0;
}

void late_touched(struct mm *mm, uint64_t va)
{
    const struct late_op *o = op_of(mm, va);

    if (o && o->guess && mm->late.eager < EAGER_MOST)
        mm->late.eager++;
}

void late_untouched(struct mm *mm, uint64_t start)
{
    const struct late_op *o = op_of(mm, start);

    if (o && o->guess && mm->late.eager > 0)
        mm->late.eager--;
}
