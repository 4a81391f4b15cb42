/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bitmap.h"

#include <criterion/criterion.h>

Test(bitmap, sets_and_clears_one_bit)
{
    uint64_t map[BITMAP_WORDS(130)] = { 0 };

    cr_assert_eq(ARRAY_LEN(map), 3);
    for (size_t i = 0; i < 130; i++) {
        bitmap_set(map, i);
        cr_assert(bitmap_test(map, i));
        cr_assert_eq(bitmap_count(map, 130), 1);
        bitmap_clear(map, i);
    }
    cr_assert_eq(bitmap_count(map, 130), 0);
}

Test(bitmap, finds_the_next_of_either_kind)
{
    uint64_t map[BITMAP_WORDS(130)] = { 0 };

    cr_assert_eq(bitmap_find_next_set(map, 130, 0), 130);
    cr_assert_eq(bitmap_find_next_zero(map, 130, 129), 129);
    bitmap_set(map, 63);
    bitmap_set(map, 64);
    bitmap_set(map, 129);
    cr_assert_eq(bitmap_find_next_set(map, 130, 0), 63);
    cr_assert_eq(bitmap_find_next_set(map, 130, 64), 64);
    cr_assert_eq(bitmap_find_next_set(map, 130, 65), 129);
    cr_assert_eq(bitmap_find_next_set(map, 129, 65), 129);
    cr_assert_eq(bitmap_find_next_zero(map, 130, 63), 65);
    cr_assert_eq(bitmap_find_next_zero(map, 130, 129), 130);
    cr_assert_eq(bitmap_find_next_zero(map, 130, 500), 130);
}

Test(bitmap, bits_behind_the_end_are_not_seen)
{
    uint64_t full = ~UINT64_C(0), none = 0;

    cr_assert_eq(bitmap_find_next_zero(&full, 10, 0), 10);
    cr_assert_eq(bitmap_find_next_set(&full, 10, 10), 10);
    cr_assert_eq(bitmap_find_next_zero(&none, 10, 10), 10);
    cr_assert_eq(bitmap_count(&full, 10), 10);
}

Test(bitmap, the_loop_visits_set_bits_in_order)
{
    uint64_t map[2] = { 0 };
    size_t i, sum = 0;

    bitmap_set(map, 0);
    bitmap_set(map, 5);
    bitmap_set(map, 127);
    bitmap_for_each_set (i, map, 128)
        sum = sum * 200 + i;
    cr_assert_eq(sum, 5 * 200 + 127);
}
