/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: calls, faults, exceptions. */
#include "tests/platform-ptrace/rig.h"

Test(run, a_call_stops_with_its_registers)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xb8\x27\x00\x00\x00\x0f\x05"); /* syscall; mov $39, %eax; syscall */
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rax = 1234;
    regs.rdi = 1, regs.rsi = 2, regs.rdx = 3, regs.r10 = 4, regs.r8 = 5, regs.r9 = 6;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 1234);
    cr_assert_eq(regs.rax, (uint64_t)-38);
    cr_assert_eq(regs.rip, CODE_AT + 2);
    cr_assert_eq(regs.rcx, CODE_AT + 2);
    cr_assert_eq(regs.r11, regs.eflags);
    cr_assert_eq(regs.rdi, 1);
    cr_assert_eq(regs.r9, 6);
    cr_assert(!r.stop.int80);
    regs.rax = 0;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 39);
    cr_assert_eq(regs.rip, CODE_AT + 9);
    rig_stop(&r);
}
