/* SPDX-License-Identifier: Apache-2.0 */
/* Where an image goes that may lie anywhere, and the vDSO, which is one. */
#include "sentry/load/elf_map.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "sentry/load/layout.h"
#include "tests/lib/mm_world.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define BASE UINT64_C(0x7000000000)
/* Where mmap() finds room for two pages, and for one more by which they may be aligned. */
#define ELSEWHERE (BASE - 3 * PAGE_SIZE)

static struct mm_world w;
static uint64_t task_size;

static void start(void)
{
    struct mm_layout l;

    mm_world_start(&w, 16 * MIB);
    mm_get_layout(w.mm, &l);
    l.mmap_base = BASE;
    mm_set_layout(w.mm, &l);
    task_size = mm_task_size(w.mm);
}

static void stop(void)
{
    mm_world_stop(&w);
}

/* Where an image of so many pages, from address 0, is placed. */
static uint64_t place(uint64_t pages, uint64_t align, uint64_t top)
{
    const struct elf_span span = { 0, pages * PAGE_SIZE, align };
    uint64_t bias = 1;

    cr_assert_eq(elf_place(w.mm, &span, top, &bias), 0);
    return bias;
}

Test(elf_map, an_image_goes_right_below_where_it_should, .init = start, .fini = stop)
{
    cr_assert_eq(place(2, PAGE_SIZE, BASE), BASE - 2 * PAGE_SIZE);
    cr_assert_eq(place(2, PAGE_SIZE, task_size), task_size - 2 * PAGE_SIZE);
    cr_assert_eq(place(2, 2 * MIB, BASE), BASE - 2 * MIB);
}

Test(elf_map, and_elsewhere_where_something_is, .init = start, .fini = stop)
{
    int64_t at = mm_world_map(&w, w.mm, BASE, PAGE_SIZE, PROT_NONE, ANON | MAP_FIXED);

    cr_assert_eq(at, (int64_t)BASE);
    cr_assert_eq(place(2, PAGE_SIZE, BASE + PAGE_SIZE), ELSEWHERE);
}

Test(elf_map, nothing_goes_past_the_end_of_the_address_space, .init = start, .fini = stop)
{
    cr_assert_eq(place(2, PAGE_SIZE, task_size + PAGE_SIZE), ELSEWHERE);
    cr_assert_eq(place(2, PAGE_SIZE, task_size + 2 * PAGE_SIZE), ELSEWHERE);
    cr_assert_eq(place(2, PAGE_SIZE, UINT64_MAX & ~PAGE_MASK), ELSEWHERE);
}

Test(elf_map, an_alignment_that_nothing_could_have_counts_for_none)
{
    struct elf e = {
        .count = 1,
        .segments = { { .p_type = PT_LOAD, .p_memsz = 1, .p_align = UINT64_C(1) << 63 } },
    };
    struct elf_span span;

    cr_assert_eq(elf_span(&e, UINT64_C(1) << 47, &span), 0);
    cr_assert_eq(span.align, PAGE_SIZE);
    e.segments[0].p_align = 2 * MIB;
    cr_assert_eq(elf_span(&e, UINT64_C(1) << 47, &span), 0);
    cr_assert_eq(span.align, 2 * MIB);
}

/* The vDSO lies above the stack where there is room, and has room wherever the stack ends. */
Test(elf_map, a_vdso_is_placed_above_any_stack, .init = start, .fini = stop)
{
    const uint64_t size = 2 * PAGE_SIZE;

    for (uint64_t below = 0; below < 6; below++) {
        const uint64_t stack = task_size - below * PAGE_SIZE;
        const struct layout l = { .task_size = task_size, .vdso_draw = 12345 };
        uint64_t at = place(2, PAGE_SIZE, layout_vdso(&l, stack, size) + size);
        if (below < 2)
            cr_assert_eq(at, ELSEWHERE, "%lu: %#lx", below, at);
        else
            cr_assert(at >= stack && at + size <= task_size, "%lu: %#lx", below, at);
    }
}

Test(elf_map, what_the_sentry_maps_must_lie_inside, .signal = SIGABRT)
{
    mm_world_start(&w, 16 * MIB);
    int err = mm_map_special(w.mm, uptr(mm_task_size(w.mm) - PAGE_SIZE), 2 * PAGE_SIZE, PROT_READ,
                             MAP_PRIVATE, "[vdso]", NULL, 0);
    (void)err;
}
