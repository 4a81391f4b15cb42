/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <criterion/criterion.h>

#include "base/clock.h"

Test(time, sums_saturate)
{
    cr_assert_eq(nsec_add(1, 2), 3);
    cr_assert_eq(nsec_add(NSEC_NEVER, 1), NSEC_NEVER);
    cr_assert_eq(nsec_add(NSEC_NEVER - 1, NSEC_PER_SEC), NSEC_NEVER);
    cr_assert_eq(nsec_add(INT64_MIN, -1), INT64_MIN);
    cr_assert_eq(nsec_make(INT64_MAX, 0), NSEC_NEVER);
    cr_assert_eq(nsec_make(-5, 1), -5 * NSEC_PER_SEC + 1);
}

Test(time, a_guests_timespec_is_checked)
{
    static const struct row {
        struct timespec ts;
        int err;
        nsec_t t;
    } rows[] = {
        {{ 0, 0 },           0,       0         },
        { { 1, 999999999 },  0,       1999999999},
        { { 1, 1000000000 }, -EINVAL, -7        },
        { { 1, -1 },         -EINVAL, -7        },
        { { -1, 0 },         -EINVAL, -7        },
        { { INT64_MAX, 0 },  0,       NSEC_NEVER},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        nsec_t t = -7;
        cr_assert_eq(nsec_from_timespec(&rows[i].ts, &t), rows[i].err, "row %zu", i);
        cr_assert_eq(t, rows[i].t, "row %zu", i);
    }
}

Test(time, a_guests_timeval_is_checked)
{
    struct timeval good = { 2, 999999 }, late = { 2, 1000000 }, early = { 2, -1 };
    nsec_t t;

    cr_assert_eq(nsec_from_timeval(&good, &t), 0);
    cr_assert_eq(t, 2999999000);
    cr_assert_eq(nsec_from_timeval(&late, &t), -EINVAL);
    cr_assert_eq(nsec_from_timeval(&early, &t), -EINVAL);
}

Test(time, negative_times_round_down)
{
    struct timespec ts = nsec_to_timespec(-1);

    cr_assert_eq(ts.tv_sec, -1);
    cr_assert_eq(ts.tv_nsec, 999999999);
    struct timeval tv = nsec_to_timeval(2 * NSEC_PER_SEC + 1500);
    cr_assert_eq(tv.tv_sec, 2);
    cr_assert_eq(tv.tv_usec, 1);
}

Test(clock, the_real_one_goes_forward)
{
    nsec_t before = clock_now(&clock_real, CLOCK_ID_MONOTONIC);

    cr_assert_geq(clock_now(&clock_real, CLOCK_ID_MONOTONIC), before);
    cr_assert_gt(clock_now(&clock_real, CLOCK_ID_REALTIME), 1577836800 * NSEC_PER_SEC);
    cr_assert_geq(clock_now(&clock_real, CLOCK_ID_BOOTTIME), before);
}

Test(clock, the_virtual_one_goes_when_told)
{
    struct virtual_clock v;

    virtual_clock_init(&v);
    nsec_t real = clock_now(&v.clock, CLOCK_ID_REALTIME);
    nsec_t boot = clock_now(&v.clock, CLOCK_ID_BOOTTIME);
    virtual_clock_advance(&v, 5);
    cr_assert_eq(clock_now(&v.clock, CLOCK_ID_REALTIME), real + 5);
    cr_assert_eq(clock_now(&v.clock, CLOCK_ID_BOOTTIME), boot + 5);
    virtual_clock_set_realtime(&v, 3);
    cr_assert_eq(clock_now(&v.clock, CLOCK_ID_REALTIME), 3);
    cr_assert_eq(clock_now(&v.clock, CLOCK_ID_COARSE), 3);
    cr_assert_eq(clock_now(&v.clock, CLOCK_ID_MONOTONIC), boot + 5);
}
