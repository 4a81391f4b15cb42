/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cc.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "base/macro.h"

struct thing {
    int puts;
};

static void thing_put(struct thing *t)
{
    if (t)
        t->puts++;
}
DEFINE_SCOPED(thing)

Test(cc, min_and_max_nest_and_evaluate_once)
{
    int n = 0;

    cr_assert_eq(min(n++, 5), 0);
    cr_assert_eq(n, 1);
    cr_assert_eq(max(min(3, 4), min(max(1, 2), 9)), 3);
}

Test(cc, a_scoped_reference_is_put_at_the_end)
{
    struct thing t = { 0 };

    {
        scoped(thing) struct thing *held = &t;
        scoped(thing) struct thing *none = NULL;
        (void)held, (void)none;
        cr_assert_eq(t.puts, 0);
    }
    cr_assert_eq(t.puts, 1);
}

static struct thing *give(struct thing *t)
{
    scoped(thing) struct thing *held = t;

    return keep(held);
}

Test(cc, a_kept_reference_is_not_put)
{
    struct thing t = { 0 };

    cr_assert_eq(give(&t), &t);
    cr_assert_eq(t.puts, 0);
}

Test(cc, container_of_finds_the_start)
{
    struct outer {
        char before[24];
        struct thing t;
    } o;

    cr_assert_eq(container_of(&o.t, struct outer, t), &o);
}

Test(cc, a_failed_assertion_aborts, .signal = SIGABRT)
{
    assert(1 + 1 == 3);
}

#define COUNT(i, pair) +1
#define INDEX(i, x)    +i *x

Test(macro, each_goes_from_none_to_six)
{
    cr_assert_eq(0 EACH(COUNT), 0);
    cr_assert_eq(0 EACH(COUNT, (a, b)), 1);
    cr_assert_eq(0 EACH(COUNT, (a, b), (c, d), (e, f), (g, h), (i, j), (k, l)), 6);
    cr_assert_eq(0 EACH(INDEX, 1, 10, 100), 210);
    cr_assert_eq(NARGS(), 0);
    cr_assert_eq(NARGS(a, b, c), 3);
}
