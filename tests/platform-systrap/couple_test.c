/* SPDX-License-Identifier: Apache-2.0 */
/* Stub and sentry thread on one processor: for whom it pays, and only for as long. */
#define PLATFORM platform_systrap
#include <sched.h>
#include <sys/syscall.h>

#include "platform-systrap/systrap_priv.h"
#include "tests/platform/rig.h"

#define TURNS    200
#define LOOPS_AT (CODE_AT + 16)
#define LOOPS    100000u /* so long computes who calls */
#define NAP_US   200
#define MANY     200000000u /* one that computes for longer than a couple may last */

static int processors(pid_t tid)
{
    cpu_set_t set;

    cr_assert_geq(host_sched_getaffinity(tid, sizeof set, &set), 0);
    return CPU_COUNT(&set);
}

/*
 * A guest that counts ecx down, and calls; TURNS of those at most, or until it is coupled. That it
 * is not worth waiting for has been learned already.
 */
static bool is_coupled_after_turns(struct rig *r, struct guest_regs *regs)
{
    for (int i = 0; i < TURNS && !couple_is(r->t); i++) {
        regs->rax = SYS_getppid;
        regs->rip = LOOPS_AT;
        regs->rcx = LOOPS;
        r->t->sentry = (struct habit){ .pause = TURNS, .penalty = TURNS };
        cr_assert_eq(rig_run(r, regs), STOP_SYSCALL);
        usleep(NAP_US); /* it falls asleep */
    }
    return couple_is(r->t);
}

static void start(struct rig *r)
{
    rig_start(r);
    CODE(r, LOOPS_AT, "\xff\xc9\x75\xfc\x0f\x05"); /* 1: dec %ecx; jnz 1b; syscall */
}

static void start_on_two(struct rig *r)
{
    start(r);
    if (r->p->cpu_count < 2)
        cr_skip_test("one processor: nothing to choose from");
}

Test(couple, of_one_who_computes_and_calls_is_held_on_one_processor, .timeout = 60)
{
    struct guest_regs regs = rig_regs(LOOPS_AT);
    struct rig r;

    start_on_two(&r);
    cr_assert(is_coupled_after_turns(&r, &regs));
    cr_assert_eq(processors(0), 1);
    cr_assert_eq(processors(r.t->stub->pid), 1);
    rig_stop(&r);
    cr_assert_gt(processors(0), 1);
}

Test(couple, ends_where_the_guest_computes_for_long, .timeout = 60)
{
    struct guest_regs regs = rig_regs(LOOPS_AT);
    struct rig r;

    start_on_two(&r);
    cr_assert(is_coupled_after_turns(&r, &regs));
    regs.rip = LOOPS_AT;
    regs.rcx = MANY;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_not(couple_is(r.t));
    cr_assert_gt(processors(0), 1);
    cr_assert_gt(processors(r.t->stub->pid), 1);
    rig_stop(&r);
}

Test(couple, ends_before_its_thread_sleeps, .timeout = 60)
{
    struct guest_regs regs = rig_regs(LOOPS_AT);
    _Atomic uint32_t word = 7;
    struct rig r;

    start_on_two(&r);
    cr_assert(is_coupled_after_turns(&r, &regs));
    OPS->linger(r.t, &word, 7);
    cr_assert_not(couple_is(r.t));
    cr_assert_gt(processors(0), 1);
    rig_stop(&r);
}

Test(couple, is_none_where_nobody_may_spin, .timeout = 60)
{
    struct guest_regs regs = rig_regs(LOOPS_AT);
    struct rig r;

    start(&r);
    r.p->cpu_count = 0;
    cr_assert_not(is_coupled_after_turns(&r, &regs));
    rig_stop(&r);
}
