/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sort.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

Test(sort, agrees_with_the_library)
{
    uint32_t ours[300], theirs[300], x = 1;

    for (size_t n = 0; n < ARRAY_LEN(ours); n++) {
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525 + 1013904223;
            ours[i] = theirs[i] = x >> 24; /* with equal ones */
        }
        sort(ours, n, sizeof *ours, compare);
        qsort(theirs, n, sizeof *theirs, compare);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(ours[i], theirs[i]);
    }
}
