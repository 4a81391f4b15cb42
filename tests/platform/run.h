/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: calls, faults, exceptions, and what must not be one. */
#pragma once

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/platform/children.h"
#include "tests/platform/rig.h"

Test(run, a_call_stops_with_its_registers)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xb8\x27\x00\x00\x00\x0f\x05"); /* syscall; mov $39, %eax; syscall */
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rax = 1234;
    regs.rdi = 1, regs.rsi = 2, regs.rdx = 3, regs.r10 = 4, regs.r8 = 5, regs.r9 = 6;
    regs.fs_base = 0x12345678, regs.gs_base = 0x7fffffffe000;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 1234);
    cr_assert_eq(regs.rax, (uint64_t)-ENOSYS);
    cr_assert_eq(regs.rip, CODE_AT + 2);
    cr_assert_eq(regs.rcx, CODE_AT + 2);
    cr_assert_eq(regs.r11, regs.eflags);
    cr_assert_eq(regs.rdi, 1);
    cr_assert_eq(regs.r9, 6);
    cr_assert_eq(regs.fs_base, 0x12345678);
    cr_assert(!r.stop.int80);
    regs.rax = 0;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 39);
    cr_assert_eq(regs.rip, CODE_AT + 9);
    cr_assert_eq(regs.gs_base, 0x7fffffffe000);
    rig_stop(&r);
}

Test(run, an_x32_number_comes_up_as_it_is)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05");
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rax = 0x40000027;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 0x40000027);
    rig_stop(&r);
}

/* -ERESTARTSYS and its like, in rax after a call, would make the host go back to the instruction.
 */
Test(run, the_host_never_restarts_a_call)
{
    static const int codes[] = { 512, 513, 514, 516 };
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\x0f\x05");
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct guest_regs regs = rig_regs(CODE_AT);
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
        regs.rax = (uint64_t)-codes[i];
        OPS->interrupt(r.t);
        cr_assert_eq(rig_run(&r, &regs), STOP_INTERRUPT);
        cr_assert_eq(regs.rip, CODE_AT + 2);
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
        cr_assert_eq(regs.rip, CODE_AT + 4);
        cr_assert_eq(regs.orig_rax, (uint64_t)-codes[i]);
    }
    rig_stop(&r);
}

Test(run, int80_is_told_apart)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\xcd\x80");
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rax = 20;
    regs.rcx = 77;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert(r.stop.int80);
    cr_assert_eq(regs.orig_rax, 20);
    cr_assert_eq(regs.rip, CODE_AT + 2);
    cr_assert_eq(regs.rcx, 77);
    rig_stop(&r);
}

Test(run, calls_of_32bit_code_are_told_apart)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\xb8\x14\x00\x00\x00\xcd\x80"); /* mov $20, %eax; int $0x80 */
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.cs = GUEST_CS_COMPAT;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert(r.stop.int80);
    cr_assert_eq(regs.cs, GUEST_CS_COMPAT);
    cr_assert_eq(regs.orig_rax, 20);
    rig_stop(&r);
}

/* The host answers sysenter's bad stack without asking its tracer; the guest must get no further.
 */
Test(run, sysenter_reaches_nothing)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x34");
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rax = 1; /* exit */
    regs.rbp = DATA_AT;
    enum platform_stop why = rig_run(&r, &regs);
    cr_assert(why == STOP_FAULT || why == STOP_EXCEPTION || (why == STOP_SYSCALL && r.stop.int80));
    regs = rig_regs(CODE_AT);
    regs.rax = 1;
    regs.rsp = 0; /* a bad one */
    why = rig_run(&r, &regs);
    cr_assert(why == STOP_FAULT || why == STOP_EXCEPTION || (why == STOP_SYSCALL && r.stop.int80));
    rig_stop(&r);
}

Test(run, a_vsyscall_is_a_call_that_has_returned)
{
    static const long calls[] = { SYS_gettimeofday, SYS_time, SYS_getcpu };
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\xff\xd0\x90\x0f\x05"); /* call *%rax; nop; syscall */
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct guest_regs regs = rig_regs(CODE_AT);
        regs.rax = 0xffffffffff600000 + 0x400 * i;
        regs.rdi = DATA_AT;
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
        cr_assert_eq((long)regs.orig_rax, calls[i]);
        cr_assert_eq(regs.rax, (uint64_t)-ENOSYS);
        cr_assert_eq(regs.rip, CODE_AT + 2);
        cr_assert_eq(regs.rsp, DATA_AT + PAGE_SIZE);
        cr_assert_eq(regs.rdi, DATA_AT);
        cr_assert(!r.stop.int80);
        regs.rax = 5;
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
        cr_assert_eq(regs.orig_rax, 5);
        cr_assert_eq(regs.rip, CODE_AT + 5);
    }
    rig_stop(&r);
}

#define READ  "\x48\x8b\x07" /* mov (%rdi), %rax */
#define WRITE "\x48\x89\x07" /* mov %rax, (%rdi) */
#define JUMP  "\xff\xe7"     /* jmp *%rdi */

struct bad_access {
    char name[40], code[16];
    uint64_t rdi, addr;
    enum platform_stop why;
    int signo, si_code;
    unsigned access;
    uint32_t trapno, error_code;
};

#define NOT_MAPPED UINT64_C(0x900000)
#define BEHIND_END UINT64_C(0xa00000) /* mapped, and beyond the end of the file */
#define NON_CANON  UINT64_C(0x8000000000000000)

/* clang-format off */
static const struct bad_access bad_accesses[] = {
    { "read of nothing",       READ,  NOT_MAPPED, NOT_MAPPED, STOP_FAULT,     SIGSEGV, SEGV_MAPERR, PROT_READ, 14, 4 },
    { "write of nothing",      WRITE, NOT_MAPPED, NOT_MAPPED, STOP_FAULT,     SIGSEGV, SEGV_MAPERR, PROT_WRITE, 14, 6 },
    { "write of code",         WRITE, CODE_AT+64, CODE_AT+64, STOP_FAULT,     SIGSEGV, SEGV_ACCERR, PROT_WRITE, 14, 7 },
    { "jump to nothing",       JUMP,  NOT_MAPPED, NOT_MAPPED, STOP_FAULT,     SIGSEGV, SEGV_MAPERR, PROT_EXEC, 14, 0x14 },
    { "jump to data",          JUMP,  DATA_AT,    DATA_AT,    STOP_FAULT,     SIGSEGV, SEGV_ACCERR, PROT_EXEC, 14, 0x15 },
    { "read across into none", READ,  DATA_AT + PAGE_SIZE - 4, DATA_AT + PAGE_SIZE, STOP_FAULT, SIGSEGV, SEGV_MAPERR, PROT_READ, 14, 4 },
    { "read behind the end",   READ,  BEHIND_END, BEHIND_END, STOP_FAULT,     SIGBUS,  BUS_ADRERR,  PROT_READ, 14, 4 },
    { "read of the kernel's",  READ,  0xffffffff80000000, 0xffffffff80000000, STOP_FAULT, SIGSEGV, SEGV_MAPERR, PROT_READ, 14, 5 },
    { "no address at all",     READ,  NON_CANON,  0,          STOP_EXCEPTION, SIGSEGV, SI_KERNEL,   0,         13, 0 },
    { "division by zero",      "\x31\xc9\xf7\xf1", 0, CODE_AT + 2, STOP_EXCEPTION, SIGFPE, FPE_INTDIV, 0,      0, 0 },
    { "undefined instruction", "\x0f\x0b", 0,     CODE_AT,    STOP_EXCEPTION, SIGILL,  ILL_ILLOPN,  0,         6, 0 },
    { "breakpoint",            "\xcc", 0,         0,          STOP_EXCEPTION, SIGTRAP, SI_KERNEL,   0,         3, 0 },
    { "privileged",            "\xf4", 0,         0,          STOP_EXCEPTION, SIGSEGV, SI_KERNEL,   0,         13, 0 },
};
/* clang-format on */

/* What of a page fault ptrace(2) does not tell: read or write, and more of kernel addresses. */
static unsigned known_access(const struct bad_access *b)
{
    return OPS == &platform_ptrace ? b->access & PROT_EXEC : b->access;
}

static uint32_t known_error(const struct bad_access *b)
{
    if (OPS != &platform_ptrace)
        return b->error_code;
    return b->error_code & (b->si_code == SEGV_ACCERR ? ~2u : ~3u);
}

static void check_bad_access(const struct bad_access *b)
{
    struct rig r;

    rig_start(&r);
    rig_code(&r, CODE_AT, b->code, strlen(b->code));
    rig_apply(r.as, op_map(BEHIND_END, PAGE_SIZE, PROT_READ, RAM_SIZE));
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = b->rdi;
    regs.rax = 1;
    cr_assert_eq(rig_run(&r, &regs), b->why, "%s: why %d", b->name, r.stop.why);
    cr_assert_eq(r.stop.signo, b->signo, "%s: signal %d", b->name, r.stop.signo);
    cr_assert_eq(r.stop.code, b->si_code, "%s: code %d", b->name, r.stop.code);
    cr_assert_eq(r.stop.addr.va, b->addr, "%s: addr %lx", b->name, r.stop.addr.va);
    cr_assert_eq(r.stop.access, known_access(b), "%s: access %x", b->name, r.stop.access);
    cr_assert_eq(r.stop.trapno, b->trapno, "%s: trapno %u", b->name, r.stop.trapno);
    cr_assert_eq(r.stop.error_code, known_error(b), "%s: error %x", b->name, r.stop.error_code);
    cr_assert_eq(regs.orig_rax, UINT64_MAX);
    rig_stop(&r);
}

Test(run, bad_accesses_stop_as_linux_has_them)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_accesses); i++)
        check_bad_access(&bad_accesses[i]);
}

Test(run, a_mended_fault_goes_on)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, READ "\x0f\x05");
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = NOT_MAPPED;
    cr_assert_eq(rig_run(&r, &regs), STOP_FAULT);
    cr_assert_eq(regs.rip, CODE_AT);
    rig_apply(r.as, op_map(NOT_MAPPED, PAGE_SIZE, PROT_READ, 2 * PAGE_SIZE));
    memcpy(r.ram + 2 * PAGE_SIZE, "\x2a\0\0\0\0\0\0", 8);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 42);
    rig_stop(&r);
}

Test(run, an_instruction_that_crosses_into_nothing_wants_to_execute)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT + PAGE_SIZE - 2, "\x48\x8b"); /* the first 2 bytes of 3 */
    struct guest_regs regs = rig_regs(CODE_AT + PAGE_SIZE - 2);
    cr_assert_eq(rig_run(&r, &regs), STOP_FAULT);
    cr_assert_eq(r.stop.addr.va, CODE_AT + PAGE_SIZE);
    cr_assert_eq(r.stop.access, PROT_EXEC);
    rig_stop(&r);
}

Test(run, the_trap_flag_stops_after_each_instruction)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x90\x90\x0f\x05\x90");
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.eflags |= 0x100;
    for (uint64_t i = 1; i <= 2; i++) {
        cr_assert_eq(rig_run(&r, &regs), STOP_EXCEPTION);
        cr_assert_eq(r.stop.signo, SIGTRAP);
        cr_assert_eq(r.stop.code, TRAP_TRACE);
        cr_assert_eq(r.stop.trapno, 1);
        cr_assert_eq(regs.rip, CODE_AT + i);
        cr_assert(regs.eflags & 0x100);
    }
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert(regs.eflags & 0x100);
    cr_assert_eq(rig_run(&r, &regs), STOP_EXCEPTION);
    cr_assert_eq(regs.rip, CODE_AT + 5);
    regs.eflags &= ~UINT64_C(0x100);
    regs.rip = CODE_AT;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
}

/* What the host does not take must not stop us: the guest can get such registers by itself. */
Test(run, registers_that_the_host_refuses_do_no_harm)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05");
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.fs_base = 0xffff888000000000;
    regs.gs_base = 0xffffffff80000000;
    regs.ds = regs.es = 0x28;
    regs.rbx = 99;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.rbx, 99);
    regs.cs = 0x10;
    regs.ss = 0;
    regs.rip = CODE_AT;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    regs = rig_regs(CODE_AT);
    regs.cs = 0x7b; /* not the kernel's, and not there */
    enum platform_stop why = rig_run(&r, &regs);
    cr_assert(why == STOP_EXCEPTION || why == STOP_FAULT || why == STOP_SYSCALL);
    regs = rig_regs(UINT64_C(0x8000000000000000)); /* no address */
    cr_assert_eq(rig_run(&r, &regs), STOP_EXCEPTION);
    cr_assert_eq(r.stop.signo, SIGSEGV);
    cr_assert_eq(regs.rip, UINT64_C(0x8000000000000000));
    rig_stop(&r);
}

Test(run, a_base_that_only_the_guest_can_set_stays)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT,
         "\xf3\x48\x0f\xae\xd7\x0f\x05\x90\x0f\x05"); /* wrfsbase %rdi; syscall; nop; syscall */
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = 0xffff888000000000;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.fs_base, 0xffff888000000000);
    regs.rax = 7;
    regs.gs_base = 0x5000;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    cr_assert_eq(regs.orig_rax, 7);
    cr_assert_eq(regs.fs_base, 0xffff888000000000);
    cr_assert_eq(regs.gs_base, 0x5000);
    rig_stop(&r);
}

/* Those stubs of this process that are not agents: the thread's is the youngest. */
static pid_t youngest_child(void)
{
    static pid_t pids[CHILDREN_MAX];
    size_t n = children_of(getpid(), pids);
    pid_t last = 0;

    for (size_t i = 0; i < n; i++)
        last = pids[i] > last ? pids[i] : last;
    return last;
}

Test(run, signals_from_outside_are_not_seen)
{
    static const int signals[] = { SIGSTOP, SIGTERM, SIGSEGV, SIGTRAP, SIGCHLD,
                                   SIGTSTP, SIGCONT, SIGURG,  SIGSYS,  40 };
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    pid_t stub = youngest_child();
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        if (signals[i] == SIGSTOP && OPS != &platform_ptrace)
            continue; /* stops all that is not traced, as it should */
        cr_assert_eq(kill(stub, signals[i]), 0);
        regs.rax = i;
        cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
        cr_assert_eq(regs.orig_rax, i);
    }
    rig_stop(&r);
}

Test(run, a_stub_killed_from_outside_is_an_io_error)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x0f\x05\xeb\xfc");
    struct guest_regs regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    pid_t pid = youngest_child();
    cr_assert_eq(kill(pid, SIGKILL), 0);
    while (!process_is_dead(pid)) /* while it spins for its turn it may have one more */
        usleep(100);
    cr_assert_eq(OPS->run(r.t, r.as, &regs, &r.stop), -EIO);
    /* The address space is whole: whoever wants to, may go on. */
    regs = rig_regs(CODE_AT);
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    rig_stop(&r);
}

Test(run, processor_time_grows_with_the_guest)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x48\xff\xcf\x75\xfb\x0f\x05"); /* 1: dec %rdi; jnz 1b; syscall */
    cr_assert_eq(OPS->cpu_time(r.t), 0);
    struct guest_regs regs = rig_regs(CODE_AT);
    regs.rdi = 20000000;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    nsec_t first = OPS->cpu_time(r.t);
    cr_assert_gt(first, NSEC_PER_MSEC);
    OPS->thread_destroy(r.t);
    cr_assert_eq(OPS->thread_create(r.p, &r.t), 0);
    struct aspace *other;
    cr_assert_eq(OPS->aspace_fork(r.as, &other), 0);
    regs = rig_regs(CODE_AT);
    regs.rdi = 20000000;
    cr_assert_eq(rig_run(&r, &regs), STOP_SYSCALL);
    first = OPS->cpu_time(r.t);
    regs = rig_regs(CODE_AT);
    regs.rdi = 1;
    cr_assert_eq(OPS->run(r.t, other, &regs, &r.stop), 0);
    cr_assert_geq(OPS->cpu_time(r.t), first); /* also over a move */
    OPS->aspace_destroy(other);
    rig_stop(&r);
}
