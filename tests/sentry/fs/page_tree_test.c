/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a file against a plain array of them. */
#include "sentry/fs/page_tree.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/lib/vfs_world.h"

#define PAGES 300 /* more than one node has */

static struct vfs_world w;
static struct page_tree tree;
static pfn_t model[PAGES + 1]; /* frame + 1; 0: a hole */

static void start(void)
{
    vfs_world_start(&w);
}

static void stop(void)
{
    vfs_world_stop(&w);
}

TestSuite(page_tree, .init = start, .fini = stop);

static uint64_t model_next(uint64_t index, bool full)
{
    while (index < PAGES && (model[index] != 0) != full)
        index++;
    return index;
}

static void check(void)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < PAGES; i++) {
        pfn_t first = 0;
        uint64_t n = 0, hole = model_next(i, true) - i, next = model_next(i, true);
        while (model[i] && model[i + n] == model[i] + n)
            n++;
        cr_assert_eq(page_tree_run(&tree, i, PAGES - i, &first), n, "run at %lu", i);
        cr_assert(n == 0 || first == model[i] - 1);
        cr_assert_eq(page_tree_hole(&tree, i, PAGES - i), hole, "hole at %lu", i);
        cr_assert_eq(page_tree_next(&tree, i), next < PAGES ? next : PAGE_INDEX_NONE);
        cr_assert_eq(page_tree_next_hole(&tree, i), model_next(i, false));
        count += model[i] != 0;
    }
    cr_assert_eq(page_tree_count(&tree), count);
}

static void put(uint64_t index)
{
    uint64_t n = 1;
    pfn_t pfn;

    if (model[index])
        return;
    cr_assert_eq(frame_alloc_run(w.mm.arena, &n, &pfn), 0);
    cr_assert_eq(page_tree_put(&tree, w.mm.arena, index, pfn), 0);
    model[index] = pfn + 1;
}

static void cut(uint64_t from, uint64_t to)
{
    uint64_t there = 0;

    for (uint64_t i = from; i < to && i < PAGES; i++) {
        there += model[i] != 0;
        model[i] = 0;
    }
    cr_assert_eq(page_tree_cut(&tree, w.mm.arena, from, to), there);
}

/* With few pages, with many, and with few again. */
Test(page_tree, is_an_array_with_holes)
{
    srand(7);
    for (int round = 0; round < 400; round++) {
        uint64_t most = round % 100 < 30 ? 4 : PAGES;
        uint64_t at = (uint64_t)rand() % most;
        if (rand() % 3)
            put(at);
        else
            cut(at, at + (uint64_t)rand() % most);
        if (round % 100 == 99)
            cut(rand() % 2, PAGE_INDEX_NONE);
        check();
    }
    cut(0, PAGE_INDEX_NONE);
    check();
}

Test(page_tree, a_page_far_out_has_the_first_ones_beside_it)
{
    pfn_t first;

    put(0);
    put(1);
    uint64_t n = 1;
    pfn_t pfn;
    cr_assert_eq(frame_alloc_run(w.mm.arena, &n, &pfn), 0);
    cr_assert_eq(page_tree_put(&tree, w.mm.arena, UINT64_C(1) << 40, pfn), 0);
    cr_assert_eq(page_tree_run(&tree, 0, 1, &first), 1);
    cr_assert_eq(first, model[0] - 1);
    cr_assert_eq(page_tree_next(&tree, 2), UINT64_C(1) << 40);
    cr_assert_eq(page_tree_cut(&tree, w.mm.arena, 0, PAGE_INDEX_NONE), 3);
    cr_assert_eq(page_tree_count(&tree), 0);
    cr_assert_eq(page_tree_next(&tree, 0), PAGE_INDEX_NONE);
}
