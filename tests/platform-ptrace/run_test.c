/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: calls, faults, exceptions, and what must not be one. */
#define PLATFORM platform_ptrace
#include "platform-ptrace/regs_amd64.h"
#include "tests/platform/run.h"

/* A host that was started with vsyscall=none gives a fault where others give SIGSYS. */
Test(run, a_vsyscall_works_without_the_hosts_page)
{
    uint64_t entry = 0xffffffffff600400;
    siginfo_t info = { .si_signo = SIGSEGV, .si_code = SEGV_MAPERR, .si_addr = (void *)entry };
    struct guest_stop stop;
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05");
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    regs.rip = entry;
    regs.rsp = DATA_AT + 64;
    *(uint64_t *)(r.ram + DATA_OFF + 64) = CODE_AT + 10;
    cr_assert(stop_from_signal(r.t, SIGSEGV, &info, &regs, &stop));
    cr_assert_eq(stop.why, STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, SYS_time);
    cr_assert_eq(regs.rip, CODE_AT + 10);
    cr_assert_eq(regs.rsp, DATA_AT + 72);

    info.si_addr = (void *)(entry + 1); /* no entry */
    regs.rip = entry + 1;
    cr_assert(stop_from_signal(r.t, SIGSEGV, &info, &regs, &stop));
    cr_assert_eq(stop.why, STOP_FAULT);
    regs.rip = CODE_AT; /* a read of the page */
    cr_assert(stop_from_signal(r.t, SIGSEGV, &info, &regs, &stop));
    cr_assert_eq(stop.why, STOP_FAULT);
    rig_stop(&r);
}
