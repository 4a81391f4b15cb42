/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that the slot has an answer to: given without a stop, and never in the way of one. */
#include <pthread.h>

#include "tests/platform-systrap/site.h"

#define CODE_2 (CODE_AT + 64)

static struct rig r;

static struct guest_regs start(void)
{
    struct guest_regs regs = site_start(&r);

    regs.rbx = 1, regs.rdx = 2, regs.r8 = 3, regs.r15 = 4;
    return regs;
}

static void answer(struct guest_thread *t, uint32_t value)
{
    const struct guest_answer a[] = {
        {SYS_getpid,  value},
        { SYS_getuid, 0    }
    };

    OPS->answer(t, a, 2);
}

static void check_regs(const struct guest_regs *regs)
{
    cr_assert_eq(regs->rsp, DATA_AT + PAGE_SIZE);
    cr_assert_eq(regs->rdi, DATA_AT);
    cr_assert_eq(regs->rsi, SITE_PID);
    cr_assert(regs->rbx == 1 && regs->rdx == 2 && regs->r8 == 3 && regs->r15 == 4);
}

Test(answers, are_what_was_said_last)
{
    struct guest_regs regs = start();

    regs.rax = 0;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL, "nothing was said yet");
    cr_assert_eq(regs.orig_rax, SYS_getpid);
    cr_assert_eq(regs.rip, SITE_BACK);
    cr_assert_not(r.stop.trapped);
    check_regs(&regs);

    /* Another value than the guest expects: it ends in its ud2, with that. */
    answer(r.t, SITE_PID + 1);
    regs.rip = CODE_AT;
    cr_assert_eq(rig_run(&r, &regs), STOP_EXCEPTION);
    cr_assert_eq(regs.rip, CODE_AT + 27);
    cr_assert_eq(regs.rax, SITE_PID + 1);
    check_regs(&regs);

    OPS->answer(r.t, NULL, 0);
    regs.rip = CODE_AT;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
}

Test(answers, zero_is_one)
{
    struct guest_regs regs = start();

    CODE(&r, CODE_2,
         "\xb8\x66\0\0\0\xb9\x51\x00\x40\x00\xff\x24\x25\x08\x00\x60\x00\x0f\x0b"); /* getuid */
    answer(r.t, SITE_PID);
    regs.rip = CODE_2;
    cr_assert_eq(rig_run(&r, &regs), STOP_EXCEPTION);
    cr_assert_eq(regs.rax, 0);
    rig_stop(&r);
}

Test(answers, numbers_without_one_stop)
{
    static const uint32_t numbers[] = { 0, 255, 256, 39 + 256, 0x40000027, 0xffffffff };
    struct guest_regs regs = start();

    answer(r.t, SITE_PID);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        memcpy(r.ram + 1, &numbers[i], sizeof numbers[i]);
        regs.rip = CODE_AT;
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
        cr_assert_eq(regs.orig_rax, numbers[i]);
    }
    rig_stop(&r);
}

Test(answers, do_not_outlive_their_thread)
{
    struct guest_regs regs = start(), again = regs;

    answer(r.t, SITE_PID + 1);
    cr_assert_eq(rig_run(&r, &regs), STOP_EXCEPTION);
    OPS->thread_destroy(r.t);
    cr_assert_eq(OPS->thread_create(r.p, &r.t), 0);
    cr_assert_eq(rig_run(&r, &again), STOP_SYSCALL, "it may have the other's stub");
    rig_stop(&r);
}

#define KICKS 3000

static atomic_int kicks, seen;

static void *kick(void *arg)
{
    const _Atomic uint64_t *sign = arg;

    for (int i = 0; i < KICKS; i++) {
        uint64_t was = atomic_load(sign);
        while (atomic_load(sign) == was)
            sched_yield();
        for (volatile int n = i % 97; n > 0; n--)
            ; /* at another instruction each time */
        atomic_fetch_add(&kicks, 1);
        OPS->interrupt(r.t);
        while (atomic_load(&seen) <= i)
            sched_yield();
    }
    return NULL;
}

Test(answers, never_keep_an_interrupt_away)
{
    struct guest_regs regs = start();
    pthread_t thread;

    answer(r.t, SITE_PID);
    cr_assert_eq(pthread_create(&thread, NULL, kick, r.ram + DATA_OFF), 0);
    for (int i = 0; i < KICKS;) {
        enum platform_stop why = rig_run(&r, &regs);
        check_regs(&regs);
        cr_assert(regs.rip >= CODE_AT && regs.rip < CODE_AT + 27, "rip %#lx", regs.rip);
        if (why == STOP_SYSCALL) {
            cr_assert_eq(regs.orig_rax, SYS_getpid);
            cr_assert_eq(regs.rip, SITE_BACK);
            regs.rax = SITE_PID;
            continue;
        }
        cr_assert_eq(why, STOP_INTERRUPT);
        cr_assert_eq(atomic_load(&kicks), i + 1);
        atomic_store(&seen, ++i);
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    rig_stop(&r);
}
