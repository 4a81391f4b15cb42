/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces that have ended and begin again: who gets them, and what is left in them. */
#define PLATFORM platform_systrap
#include "tests/platform/spare.h"

Test(spare, the_same_processes_begin_again)
{
    static pid_t before[CHILDREN_MAX], after[CHILDREN_MAX];
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    size_t n = children_of(getpid(), before);
    end_it(&r);
    cr_assert_eq(reuse(&r, &me), 0);
    rig_apply(r.as, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    rig_apply(r.as, op_map(DATA_AT, PAGE_SIZE, PROT_READ | PROT_WRITE, DATA_OFF));
    run_there(&r);
    cr_assert_eq(children_of(getpid(), after), n);
    cr_assert_eq(memcmp(before, after, n * sizeof before[0]), 0);
    rig_stop(&r);
}

Test(spare, a_thread_that_is_still_there_ends_with_it)
{
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    OPS->aspace_destroy(r.as); /* the thread has not left */
    cr_assert_eq(reuse(&r, &me), -EAGAIN);
    OPS->thread_destroy(r.t);
    cr_assert_eq(OPS->thread_create(r.p, &r.t), 0);
    r.as = NULL;
    rig_stop(&r);
}
