/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces that have ended and begin again: who gets them, and what is left in them. */
#pragma once

#include <errno.h>

#include "tests/platform/children.h"
#include "tests/platform/rig.h"

static const struct aspace_owner me = {
    .ids = 1000, .rights = 3, .user_ns = 7, .mnt_ns = 9, .pid_ns = 11
};

/* Stores %rdi at DATA_AT, and makes a call. */
static void start(struct rig *r)
{
    rig_start(r);
    CODE(r, CODE_AT, "\x48\x89\x3c\x25\x00\x00\x60\x00\x0f\x05");
}

static void run_there(struct rig *r)
{
    struct guest_regs regs = rig_regs(CODE_AT);

    regs.rdi = 42;
    cr_assert_eq(rig_run(r, &regs), STOP_SYSCALL);
    cr_assert_eq(*(uint64_t *)(r->ram + DATA_OFF), 42);
}

/* The rig's thread leaves, and its address space ends. */
static void end_it(struct rig *r)
{
    OPS->thread_leave(r->t);
    OPS->aspace_destroy(r->as);
    r->as = NULL;
}

static int reuse(struct rig *r, const struct aspace_owner *owner)
{
    return OPS->aspace_reuse(r->p, owner, &r->as);
}

Test(spare, nothing_is_mapped)
{
    struct guest_regs regs = rig_regs(CODE_AT);
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    end_it(&r);
    cr_assert_eq(reuse(&r, &me), 0);
    cr_assert_eq(rig_run(&r, &regs), STOP_FAULT);
    cr_assert_eq(r.stop.addr.va, CODE_AT);
    rig_apply(r.as, op_map(CODE_AT, PAGE_SIZE, PROT_READ | PROT_EXEC, 0));
    cr_assert_eq(rig_run(&r, &regs), STOP_FAULT);
    cr_assert_eq(r.stop.addr.va, DATA_AT);
    rig_stop(&r);
}

Test(spare, it_may_be_emptied_ahead)
{
    struct guest_regs regs = rig_regs(CODE_AT);
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    OPS->thread_leave(r.t);
    OPS->aspace_empty(r.as);
    OPS->aspace_destroy(r.as);
    cr_assert_eq(reuse(&r, &me), 0);
    cr_assert_eq(rig_run(&r, &regs), STOP_FAULT);
    cr_assert_eq(r.stop.addr.va, CODE_AT);
    OPS->aspace_own(r.as, NULL);
    OPS->aspace_empty(r.as); /* for nobody: nothing is done */
    rig_stop(&r);
}

Test(spare, another_owner_does_not_get_it)
{
    struct aspace_owner others[] = { me, me, me, me, me };
    struct rig r;

    others[0].ids++;
    others[1].rights++;
    others[2].user_ns++;
    others[3].mnt_ns++;
    others[4].pid_ns++;
    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    end_it(&r);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_assert_eq(reuse(&r, &others[i]), -EAGAIN);
    cr_assert_eq(reuse(&r, &me), 0);
    cr_assert_eq(OPS->aspace_reuse(r.p, &me, &(struct aspace *){ NULL }), -EAGAIN);
    rig_stop(&r);
}

Test(spare, what_nobody_owns_is_not_kept)
{
    struct rig r;

    start(&r);
    run_there(&r);
    end_it(&r);
    cr_assert_eq(reuse(&r, &me), -EAGAIN);
    cr_assert_eq(OPS->aspace_create(r.p, NULL, &r.as), 0);
    OPS->aspace_own(r.as, &me);
    OPS->aspace_own(r.as, NULL);
    end_it(&r);
    cr_assert_eq(reuse(&r, &me), -EAGAIN);
    rig_stop(&r);
}

Test(spare, a_fork_has_its_parents_owner)
{
    struct aspace *child;
    struct rig r;

    start(&r);
    OPS->aspace_own(r.as, &me);
    run_there(&r);
    cr_assert_eq(OPS->aspace_fork(r.as, &child), 0);
    OPS->aspace_destroy(child);
    cr_assert_eq(OPS->aspace_reuse(r.p, &me, &child), 0);
    OPS->aspace_destroy(child);
    rig_stop(&r);
}

Test(spare, there_are_no_more_than_some)
{
    static pid_t pids[CHILDREN_MAX];
    struct aspace *all[40];
    struct aspace_owner other = me;
    struct rig r;

    start(&r);
    other.ids++;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        cr_assert_eq(OPS->aspace_create(r.p, NULL, &all[i]), 0);
        OPS->aspace_own(all[i], i % 2 ? &me : &other);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        OPS->aspace_destroy(all[i]);
    size_t left = 0, n = children_of(getpid(), pids);
    for (size_t i = 0; i < n; i++)
        left += !process_is_dead(pids[i]);
    cr_assert_leq(left, 12); /* zygote, the rig's, and 8 that wait; some are still dying */
    rig_stop(&r);
    cr_assert_eq(children_of(getpid(), pids), 0);
}
