/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of replaced sites: told with few registers, the others kept until they are asked for. */
#include <pthread.h>

#include "tests/platform-systrap/site.h"

#define NOISE UINT64_C(0xbadbadbad)

static struct rig r;

static struct guest_regs start(void)
{
    struct guest_regs regs = site_start(&r);

    regs.rdx = 3, regs.r10 = 4, regs.r8 = 5, regs.r9 = 6;
    regs.rbx = 7, regs.rbp = 8, regs.r12 = 9, regs.r15 = 10, regs.fs_base = DATA_AT;
    return regs;
}

static enum platform_stop run(struct guest_regs *regs)
{
    cr_assert_eq(OPS->run(r.t, r.as, regs, &r.stop), 0);
    return r.stop.why;
}

/* Whoever relies on one of them is found out. */
static void forget_others(struct guest_regs *regs)
{
    regs->rbx = regs->rbp = regs->r12 = regs->r15 = regs->rcx = regs->r11 = NOISE;
    regs->rip = regs->rsp = regs->eflags = regs->fs_base = NOISE;
}

static void check_args(const struct guest_regs *regs)
{
    cr_assert_eq(regs->orig_rax, SYS_getpid);
    cr_assert_eq(regs->rax, (uint64_t)-ENOSYS);
    cr_assert(regs->rdi == DATA_AT && regs->rsi == SITE_PID && regs->rdx == 3);
    cr_assert(regs->r10 == 4 && regs->r8 == 5 && regs->r9 == 6);
}

static void check_others(const struct guest_regs *regs)
{
    cr_assert(regs->rbx == 7 && regs->rbp == 8 && regs->r12 == 9 && regs->r15 == 10);
    cr_assert_eq(regs->rsp, DATA_AT + PAGE_SIZE);
    cr_assert_eq(regs->fs_base, DATA_AT);
}

static void ask(struct guest_regs *regs)
{
    forget_others(regs);
    OPS->regs_get(r.t, regs);
    check_others(regs);
}

Test(brief, has_the_call_and_takes_its_result)
{
    struct guest_regs regs = start();

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(run(&regs), STOP_SYSCALL);
        cr_assert(r.stop.brief);
        check_args(&regs);
        forget_others(&regs);
        regs.rax = SITE_PID;
        regs.rdi = regs.rdx = NOISE; /* do not count either */
    }
    regs.rax = SITE_PID + 1;
    cr_assert_eq(run(&regs), STOP_EXCEPTION);
    cr_assert_not(r.stop.brief);
    cr_assert_eq(regs.rip, SITE_END);
    check_others(&regs);
    rig_stop(&r);
}

Test(brief, the_others_can_be_had_and_changed)
{
    struct guest_regs regs = start();

    cr_assert_eq(run(&regs), STOP_SYSCALL);
    ask(&regs);
    check_args(&regs);
    cr_assert_eq(regs.rip, SITE_BACK);
    cr_assert_eq(regs.rcx, SITE_BACK);
    cr_assert_eq(regs.r11, regs.eflags);

    regs.rip = CODE_AT + 20; /* the jne */
    regs.eflags &= ~UINT64_C(0x40);
    regs.rbx = 70, regs.rdx = 30;
    cr_assert_eq(run(&regs), STOP_EXCEPTION);
    cr_assert_eq(regs.rip, SITE_END);
    cr_assert(regs.rbx == 70 && regs.rdx == 30);
    rig_stop(&r);
}

Test(brief, outlives_a_look_at_the_fpu)
{
    struct guest_regs regs = start();
    size_t size = OPS->fpu_size(r.p);
    char *area = calloc(1, size);

    cr_assert_eq(run(&regs), STOP_SYSCALL);
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
    ask(&regs);
    regs.rax = SITE_PID;
    cr_assert_eq(run(&regs), STOP_SYSCALL);
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
    cr_assert_eq(OPS->fpu_set(r.t, area, size), 0);
    forget_others(&regs);
    regs.rax = SITE_PID;
    cr_assert_eq(run(&regs), STOP_SYSCALL, "with registers that nobody had asked for");
    ask(&regs);
    free(area);
    rig_stop(&r);
}

#define KICKS 3000

static atomic_int seen;

static void *kick(void *arg)
{
    const _Atomic uint64_t *sign = arg;

    for (int i = 0; i < KICKS; i++) {
        uint64_t was = atomic_load(sign);
        while (atomic_load(sign) == was)
            sched_yield();
        for (volatile int n = i % 97; n > 0; n--)
            ; /* at another instruction each time */
        OPS->interrupt(r.t);
        while (atomic_load(&seen) <= i)
            sched_yield();
    }
    return NULL;
}

/* An interrupt may come where the answer is on its way: it counts, and so does what comes with it.
 */
Test(brief, an_interrupt_takes_no_answer_away)
{
    struct guest_regs regs = start();
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, kick, r.ram + DATA_OFF), 0);
    for (int i = 0; i < KICKS;) {
        enum platform_stop why = run(&regs);
        if (why == STOP_SYSCALL) {
            check_args(&regs);
            forget_others(&regs);
            regs.rax = SITE_PID;
            continue;
        }
        cr_assert_eq(why, STOP_INTERRUPT);
        if (r.stop.brief && i % 2)
            ask(&regs);
        if (!r.stop.brief)
            check_others(&regs);
        atomic_store(&seen, ++i);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    rig_stop(&r);
}
