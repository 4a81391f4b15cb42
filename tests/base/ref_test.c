/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ref.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(ref, the_last_put_says_so)
{
    struct ref r;

    ref_init(&r);
    ref_get(&r);
    cr_assert_eq(ref_count(&r), 2);
    cr_assert_not(ref_is_only(&r));
    cr_assert_not(ref_put(&r));
    cr_assert(ref_put(&r));
}

Test(ref, a_dying_object_gives_no_reference)
{
    struct ref r;

    ref_init(&r);
    cr_assert(ref_get_unless_zero(&r));
    cr_assert_not(ref_put(&r));
    cr_assert(ref_put(&r));
    cr_assert_not(ref_get_unless_zero(&r));
}

Test(ref, a_get_after_the_last_put_aborts, .signal = SIGABRT)
{
    struct ref r;

    ref_init(&r);
    cr_assert(ref_put(&r));
    ref_get(&r);
}

Test(ref, one_put_too_many_aborts, .signal = SIGABRT)
{
    struct ref r;

    ref_init(&r);
    cr_assert(ref_put(&r));
    cr_assert(ref_put(&r));
}

Test(ref, a_count_cannot_wrap, .signal = SIGABRT)
{
    struct ref r;

    ref_init(&r);
    atomic_store(&r.n, REF_MAX);
    ref_get(&r);
}
