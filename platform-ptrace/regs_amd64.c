/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and exceptions of x86-64, between ptrace(2) and the contract.
 *
 *   source    arch/x86/kernel/ptrace.c (putreg), arch/x86/kernel/traps.c,
 *             arch/x86/entry/vsyscall/vsyscall_64.c
 */
#include "platform-ptrace/regs_amd64.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/host.h"

#define LONGEST_INSN 15 /* bytes; SDM vol. 2, 2.3.11 */

/* The processor's vectors: SDM vol. 3, 6.3.1. */
enum {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_UD = 6,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_AC = 17,
    VECTOR_XM = 19
};
/* Error code of a page fault: SDM vol. 3, 4.7. */
enum { PF_PRESENT = 1, PF_USER = 4, PF_FETCH = 16, PF_PK = 32 };

int regs_get(struct guest_thread *t, struct guest_regs *out)
{
    int err = (int)host_ptrace(PTRACE_GETREGS, t->pid, NULL, &t->regs);

    if (err)
        return err;
    t->regs_known = true;
    *out = t->regs;
    return 0;
}

/* Word by word, past those that are refused. */
static void set_singly(pid_t pid, const struct guest_regs *regs)
{
    uint64_t words[sizeof *regs / sizeof(uint64_t)];

    memcpy(words, regs, sizeof words);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        void *at = (void *)(i * sizeof(uint64_t));
        if (host_ptrace(PTRACE_POKEUSER, pid, at, (void *)words[i]) == -ESRCH)
            return;
    }
}

void regs_set(struct guest_thread *t, const struct guest_regs *regs)
{
    struct guest_regs want = *regs;

    want.orig_rax = UINT64_MAX;
    if (t->regs_known && memcmp(&want, &t->regs, sizeof want) == 0)
        return;
    t->regs_known = false;
    if (host_ptrace(PTRACE_SETREGS, t->pid, NULL, &want) == -EIO)
        set_singly(t->pid, &want);
}

bool regs_after_syscall(const struct guest_regs *regs)
{
    return regs->cs == GUEST_CS && regs->rcx == regs->rip && regs->r11 == regs->eflags;
}

bool regs_call_is_32bit(struct guest_thread *t)
{
    struct __ptrace_syscall_info info;

    /* Linux before 5.3 cannot say; it runs on no processor whose `syscall` keeps rcx (FRED). */
    long size = host_ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info);
    return size < 0 || info.arch != AUDIT_ARCH_X86_64;
}

/*
 * Linux does not say whether it was a read or a write. That it was a fetch is certain
 * where the page of the instruction is not there, and likely where the address is that
 * of the instruction.
 */
static unsigned fault_access(uint64_t addr, uint64_t rip)
{
    bool crosses = addr > rip && addr - rip < LONGEST_INSN && (addr & PAGE_MASK) == 0;

    return addr == rip || crosses ? PROT_EXEC : 0;
}

static void page_fault(const struct guest_regs *regs, struct guest_stop *stop)
{
    bool shut = stop->signo == SIGSEGV && stop->code == SEGV_PKUERR;
    bool present = shut || (stop->signo == SIGSEGV && stop->code == SEGV_ACCERR);

    stop->why = STOP_FAULT;
    stop->access = fault_access(stop->addr.va, regs->rip);
    stop->trapno = VECTOR_PF;
    stop->error_code =
        PF_USER | (present ? PF_PRESENT : 0) | (stop->access ? PF_FETCH : 0) | (shut ? PF_PK : 0);
}

/* The vector that Linux makes this signal of. A few signals have more than one: the likely. */
static uint32_t exception_vector(int sig, int code)
{
    switch (sig) {
    case SIGSEGV:
        return VECTOR_GP;
    case SIGBUS:
        return code == BUS_ADRALN ? VECTOR_AC : VECTOR_SS;
    case SIGFPE:
        return code == FPE_INTDIV ? VECTOR_DE : code == FPE_INTOVF ? VECTOR_OF : VECTOR_XM;
    case SIGILL:
        return VECTOR_UD;
    default:
        return code == SI_KERNEL ? VECTOR_BP : VECTOR_DB;
    }
}

static bool is_page_fault(int sig, int code)
{
    return (sig == SIGSEGV && code != SI_KERNEL) ||
           (sig == SIGBUS && code != SI_KERNEL && code != BUS_ADRALN);
}

bool stop_from_signal(int sig, const siginfo_t *info, struct guest_regs *regs,
                      struct guest_stop *stop)
{
    stop->signo = sig;
    stop->code = info->si_code;
    stop->addr = uptr((uint64_t)(uintptr_t)info->si_addr);
    switch (sig) {
    case SIGSYS: /* the filter's trap; rip is behind the call already */
        regs->orig_rax = (uint64_t)info->si_syscall;
        regs->rax = (uint64_t)-ENOSYS;
        stop->why = STOP_SYSCALL;
        stop->trapped = true;
        return true;
    case SIGSEGV:
    case SIGBUS:
        if (is_page_fault(sig, info->si_code)) {
            page_fault(regs, stop);
            return true;
        }
        /* fallthrough */
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
        stop->why = STOP_EXCEPTION;
        stop->trapno = exception_vector(sig, info->si_code);
        return true;
    default:
        return false;
    }
}
