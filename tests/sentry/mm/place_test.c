/* SPDX-License-Identifier: Apache-2.0 */
/* Where mmap(2) puts what it may put anywhere. */
#include <criterion/criterion.h>
#include <errno.h>

#include "sentry/mm/mm.h"
#include "tests/lib/mm_world.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define TOP  UINT64_C(0x7000000000)

static struct mm_world w;

static void start(void)
{
    struct mm_layout l;

    mm_world_start(&w, 16 * MIB);
    mm_get_layout(w.mm, &l);
    l.mmap_base = TOP;
    mm_set_layout(w.mm, &l);
}

static void stop(void)
{
    mm_world_stop(&w);
}

static uint64_t map(uint64_t pages)
{
    return (uint64_t)mm_world_map(&w, w.mm, 0, pages * PAGE_SIZE, PROT_NONE, ANON);
}

static void unmap(uint64_t at, uint64_t pages)
{
    cr_assert_eq(mm_unmap(w.mm, uptr(at), pages * PAGE_SIZE), 0);
}

Test(place, goes_down_from_the_top, .init = start, .fini = stop)
{
    cr_assert_eq(map(3), TOP - 3 * PAGE_SIZE);
    cr_assert_eq(map(1), TOP - 4 * PAGE_SIZE);
    cr_assert_eq(map(2), TOP - 6 * PAGE_SIZE);
}

Test(place, takes_the_highest_hole_that_fits, .init = start, .fini = stop)
{
    uint64_t at = map(100) + 100 * PAGE_SIZE;

    unmap(at - 20 * PAGE_SIZE, 2);
    unmap(at - 40 * PAGE_SIZE, 5);
    unmap(at - 80 * PAGE_SIZE, 20);
    cr_assert_eq(map(3), at - 38 * PAGE_SIZE);
    cr_assert_eq(map(6), at - 66 * PAGE_SIZE);
    cr_assert_eq(map(2), at - 20 * PAGE_SIZE);
    cr_assert_eq(map(2), at - 40 * PAGE_SIZE);
    cr_assert_eq(map(1000), at - 1100 * PAGE_SIZE);
    unmap(at - 10 * PAGE_SIZE, 4);
    cr_assert_eq(map(4), at - 10 * PAGE_SIZE);
    /* A hole that grew together from parts. */
    unmap(at - 4 * PAGE_SIZE, 2);
    unmap(at - 6 * PAGE_SIZE, 2);
    cr_assert_eq(map(4), at - 6 * PAGE_SIZE);
}

Test(place, keeps_away_from_what_grows_down, .init = start, .fini = stop)
{
    uint64_t at = TOP - 1000 * PAGE_SIZE;

    cr_assert_eq(mm_world_map(&w, w.mm, at, PAGE_SIZE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN),
                 (int64_t)at);
    cr_assert_eq(map(999), TOP - 999 * PAGE_SIZE);
    cr_assert_eq(map(1), at - 257 * PAGE_SIZE);
    /* A hint into the guard is no good, one below it is. */
    int64_t got = mm_world_map(&w, w.mm, at - 100 * PAGE_SIZE, PAGE_SIZE, RW, ANON);
    cr_assert_eq(got, (int64_t)(at - 258 * PAGE_SIZE));
    got = mm_world_map(&w, w.mm, at - 300 * PAGE_SIZE, PAGE_SIZE, RW, ANON);
    cr_assert_eq(got, (int64_t)(at - 300 * PAGE_SIZE));
}

Test(place, goes_above_the_top_when_all_below_is_taken, .init = start, .fini = stop)
{
    struct mm_layout l;
    uint64_t size = mm_task_size(w.mm);

    mm_get_layout(w.mm, &l);
    l.mmap_base = size / 2;
    mm_set_layout(w.mm, &l);
    cr_assert_eq(
        mm_world_map(&w, w.mm, 65536, page_down(size / 2) - 65536, PROT_NONE, ANON | MAP_FIXED),
        65536);
    cr_assert_geq(map(1), size / 2);
    cr_assert_eq((int64_t)map(size / PAGE_SIZE / 2), -ENOMEM);
}

Test(place, the_low_32_bits_are_searched_upwards, .init = start, .fini = stop)
{
    cr_assert_eq(mm_world_map(&w, w.mm, 0, PAGE_SIZE, RW, ANON | MAP_32BIT), 0x40000000);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, PAGE_SIZE, RW, ANON | MAP_32BIT), 0x40001000);
    cr_assert_eq(mm_world_map(&w, w.mm, 0, 2ul << 30, PROT_NONE, ANON | MAP_32BIT), -ENOMEM);
}

Test(place, many_maps_are_found_quickly, .init = start, .fini = stop, .timeout = 20)
{
    uint64_t last = 0;

    for (int i = 0; i < 20000; i++) {
        uint64_t at =
            (uint64_t)mm_world_map(&w, w.mm, 0, PAGE_SIZE, i & 1 ? PROT_NONE : PROT_READ, ANON);
        cr_assert(i == 0 || at == last - PAGE_SIZE);
        last = at;
    }
    uint64_t n = 0;
    for (int64_t at = 0; at != -ENOMEM; n++)
        at = mm_world_map(&w, w.mm, 0, PAGE_SIZE, n & 1 ? PROT_NONE : PROT_EXEC, ANON);
    cr_assert_eq(n, 65530 - 20000 + 1);
}
