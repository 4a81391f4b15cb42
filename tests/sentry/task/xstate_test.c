/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/task/xstate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define SIZE 4096

static char area[SIZE] __attribute__((aligned(64)));

static void header(uint64_t bv, uint64_t comp_bv, uint64_t reserved)
{
    struct xstate_header h = { .bv = bv, .comp_bv = comp_bv, .reserved = { reserved } };

    memset(area, 0, sizeof area);
    memcpy(area + XSTATE_HEADER_OFF, &h, sizeof h);
}

static uint64_t bv(void)
{
    struct xstate_header h;

    memcpy(&h, area + XSTATE_HEADER_OFF, sizeof h);
    return h.bv;
}

static int check(size_t size, uint64_t features)
{
    return xstate_check(area, size, xstate_features(size), features);
}

Test(xstate, the_legacy_area_is_always_there)
{
    cr_assert_eq(xstate_features(ABI_XSTATE_MIN), XSTATE_FP_SSE);
    cr_assert_eq(xstate_features(ABI_XSTATE_MIN - 1), 0);
    cr_assert_eq(xstate_features(SIZE) & XSTATE_FP_SSE, XSTATE_FP_SSE);
}

Test(xstate, components_that_are_not_wanted_are_left_out)
{
    header(3, 0, 0);
    cr_assert_eq(check(SIZE, 1), 0);
    cr_assert_eq(bv(), 1);
}

Test(xstate, what_a_processor_refuses_is_refused)
{
    header((uint64_t)1 << 62, 0, 0);
    cr_assert_eq(check(SIZE, ~(uint64_t)0), -EINVAL);
    header(3, (uint64_t)1 << 63, 0); /* compacted */
    cr_assert_eq(check(SIZE, 3), -EINVAL);
    header(3, 0, 1);
    cr_assert_eq(check(SIZE, 3), -EINVAL);
    header(3, 0, 0);
    cr_assert_eq(check(ABI_XSTATE_MIN - 1, 3), -EINVAL);
}

Test(xstate, an_area_ends_where_its_last_component_does)
{
    uint64_t all = xstate_features(SIZE);

    cr_assert_eq(xstate_size(SIZE, XSTATE_FP_SSE), ABI_XSTATE_MIN);
    cr_assert_eq(xstate_size(ABI_XSTATE_MIN, all), ABI_XSTATE_MIN);
    cr_assert_leq(xstate_size(SIZE, all & ~XSTATE_TILES), xstate_size(SIZE, all));
    cr_assert_leq(xstate_size(SIZE, all), SIZE);
    if (all & 4)
        cr_assert_eq(xstate_size(SIZE, XSTATE_FP_SSE | 4), ABI_XSTATE_MIN + 256); /* AVX */
}
