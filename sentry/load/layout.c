/* SPDX-License-Identifier: Apache-2.0 */
/* Draws the places of stack, mappings, program and heap. */
#include "sentry/load/layout.h"

#include "sentry/core/rng.h"

#define STACK_RANDOM_PAGES ((uint64_t)0x400000) /* 16 GiB */
#define MMAP_RANDOM_PAGES  ((uint64_t)1 << 28)  /* vm.mmap_rnd_bits, 1 TiB */
#define BRK_RANDOM_PAGES   ((uint64_t)0x2000)   /* 32 MiB */
#define STACK_GUARD_GAP    (256 * PAGE_SIZE)
#define STACK_GAP_LEAST    ((uint64_t)128 << 20)
#define HUGE_PAGE          ((uint64_t)2 << 20)

/* A number below `n`, whose bias nobody will notice: n is far below 2^64. */
static uint64_t below(struct arena *a, uint64_t n, bool fixed)
{
    return fixed ? 0 : rng_u64(a) % n;
}

static uint64_t mmap_base(uint64_t task_size, uint64_t stack_limit, uint64_t random, bool fixed)
{
    uint64_t pad = STACK_GUARD_GAP + (fixed ? 0 : STACK_RANDOM_PAGES * PAGE_SIZE), gap;

    if (__builtin_add_overflow(stack_limit, pad, &gap))
        gap = UINT64_MAX;
    gap = min(max(gap, STACK_GAP_LEAST), task_size / 6 * 5);
    return page_up(task_size - gap - random);
}

void layout_choose(struct layout *l, struct arena *a, uint64_t task_size, uint64_t stack_limit,
                   bool fixed)
{
    /* A platform with less room to give gets less randomness, not none. */
    uint64_t spread = min(MMAP_RANDOM_PAGES, task_size / 16 / PAGE_SIZE);

    *l = (struct layout){ .task_size = task_size };
    l->stack_top = task_size - below(a, min(STACK_RANDOM_PAGES, spread), fixed) * PAGE_SIZE;
    l->mmap_base = mmap_base(task_size, stack_limit, below(a, spread, fixed) * PAGE_SIZE, fixed);
    l->pie_base = page_down(task_size / 3 * 2) + below(a, spread, fixed) * PAGE_SIZE;
    l->stack_skip = below(a, 8192, fixed) & ~UINT64_C(15);
    l->brk_gap = below(a, BRK_RANDOM_PAGES, fixed) * PAGE_SIZE;
    l->vdso_draw = fixed ? 0 : rng_u64(a) >> 1;
}

uint64_t layout_vdso(const struct layout *l, uint64_t stack, uint64_t size)
{
    uint64_t start = page_up(stack);
    uint64_t end = (start + size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

    /* Within the huge page that the stack ends in, so that its table serves both. */
    end = min(end, l->task_size) - size;
    return end > start ? start + l->vdso_draw % ((end - start) / PAGE_SIZE + 1) * PAGE_SIZE : start;
}
