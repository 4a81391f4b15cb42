/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and exceptions of x86-64, between slots, signal frames and the contract.
 *
 *   source    arch/x86/include/uapi/asm/sigcontext.h, arch/x86/kernel/signal_64.c
 */
#include "platform-systrap/regs_amd64.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* In the frame: behind the flags, the link and the stack; and behind all of ucontext. */
#define UC_GREGS 40
#define UC_SIZE  304

#define SYSCALL_SIZE 2 /* bytes of `syscall`, `sysenter` and `int $0x80` */

/*
 * The calls that Linux makes of its own uprobes pass every filter (6.14 and later):
 * this one gives SIGILL to whoever is none, and 336, uprobe, -ENXIO.
 */
#define URETPROBE 335

#define VECTOR_PF 14
enum { PF_WRITE = 2, PF_FETCH = 16 }; /* SDM vol. 3, 4.7 */

/* What popf sets as a guest may have it: CF PF AF ZF SF DF OF. The rest is for iret. */
#define EFLAGS_POPF (EFLAGS_FIXED | 0xcd5)

bool frame_copy(const struct stub *s, struct signal_frame *out)
{
    const size_t size = UC_SIZE + sizeof *out;
    uint64_t off = slot_read(s->slot->frame) - s->slot_va;

    if (off < SLOT_STACK || off > SLOT_SIZE - size)
        return false;
    const char *at = (const char *)s->slot + off;
    memcpy(out, at + UC_GREGS, offsetof(struct signal_frame, signo));
    memcpy(&out->signo, at + UC_SIZE, sizeof *out - offsetof(struct signal_frame, signo));
    return true;
}

static bool is_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/*
 * Many registers are in the slot already. To write them again would take their cache lines
 * away from the processor of the stub, which is about to read them all.
 */
static void put_changed(struct guest_regs *to, const struct guest_regs *from)
{
    const uint64_t *new = (const uint64_t *)from;
    uint64_t *old = (uint64_t *)to;

    for (size_t i = 0; i < sizeof *from / sizeof *new; i++) {
        if (old[i] != new[i])
            old[i] = new[i];
    }
}

/* What rt_sigreturn() is to load: struct sigcontext_64 up to its segments. */
static void put_frame(struct slot *slot, const struct guest_regs *r)
{
    uint64_t *g = slot->gregs;

    g[REG_R15] = r->r15, g[REG_R14] = r->r14, g[REG_R13] = r->r13, g[REG_R12] = r->r12;
    g[REG_R11] = r->r11, g[REG_R10] = r->r10, g[REG_R9] = r->r9, g[REG_R8] = r->r8;
    g[REG_RBP] = r->rbp, g[REG_RBX] = r->rbx;
    g[REG_RAX] = r->rax, g[REG_RCX] = r->rcx, g[REG_RDX] = r->rdx;
    g[REG_RSI] = r->rsi, g[REG_RDI] = r->rdi;
    g[REG_RIP] = r->rip, g[REG_RSP] = r->rsp, g[REG_EFL] = r->eflags;
    g[REG_CSGSFS] = r->cs | r->ss << 48;
}
static_assert(REG_CSGSFS == SLOT_GREGS_COUNT - 1, "layout.h");

uint32_t regs_to_slot(struct stub *s, const struct guest_regs *regs)
{
    bool by_iret = regs->gs_base || regs->cs != GUEST_CS || (regs->eflags & ~EFLAGS_POPF);
    struct guest_regs new = *regs;

    new.orig_rax = s->slot->regs.orig_rax; /* nobody reads it there */
    new.cs = regs->cs == GUEST_CS_COMPAT ? GUEST_CS_COMPAT : GUEST_CS;
    new.eflags = (regs->eflags & EFLAGS_GUEST) | EFLAGS_FIXED;
    new.ss = GUEST_SS;
    if (!is_canonical(regs->fs_base))
        new.fs_base = 0;
    if (!regs->gs_base || !is_canonical(regs->gs_base))
        new.gs_base = s->slot_va;
    put_changed(&s->slot->regs, &new);
    if (unlikely(slot_read(s->slot->pkru))) {
        put_frame(s->slot, &new);
        return ORDER_FRAME;
    }
    return unlikely(by_iret) ? ORDER_IRET : 0;
}

static void make_call(uint64_t nr, struct guest_regs *regs)
{
    regs->orig_rax = nr;
    regs->rax = (uint64_t)-ENOSYS;
}

void regs_from_call(const struct stub *s, struct guest_regs *regs)
{
    const struct slot *slot = s->slot;

    regs->rdi = slot->args[0], regs->rsi = slot->args[1], regs->rdx = slot->args[2];
    regs->r10 = slot->args[3], regs->r8 = slot->args[4], regs->r9 = slot->args[5];
    make_call(slot_read(slot->nr), regs);
}

void regs_from_slot(const struct stub *s, struct guest_regs *regs)
{
    const struct guest_regs *from = &s->slot->regs;

    regs->r15 = from->r15, regs->r14 = from->r14, regs->r13 = from->r13, regs->r12 = from->r12;
    regs->r11 = from->r11, regs->r10 = from->r10, regs->r9 = from->r9, regs->r8 = from->r8;
    regs->rbp = from->rbp, regs->rbx = from->rbx, regs->rcx = from->rcx, regs->rdx = from->rdx;
    regs->rsi = from->rsi, regs->rdi = from->rdi;
    regs->rip = from->rip, regs->rsp = from->rsp, regs->eflags = from->eflags;
    regs->fs_base = from->fs_base;
}

void regs_from_frame(const struct stub *s, const struct signal_frame *f, struct guest_regs *regs)
{
    const uint64_t *g = f->gregs;

    regs->r15 = g[REG_R15], regs->r14 = g[REG_R14], regs->r13 = g[REG_R13], regs->r12 = g[REG_R12];
    regs->r11 = g[REG_R11], regs->r10 = g[REG_R10], regs->r9 = g[REG_R9], regs->r8 = g[REG_R8];
    regs->rbp = g[REG_RBP], regs->rbx = g[REG_RBX];
    regs->rax = g[REG_RAX], regs->rcx = g[REG_RCX], regs->rdx = g[REG_RDX];
    regs->rsi = g[REG_RSI], regs->rdi = g[REG_RDI];
    regs->rip = g[REG_RIP], regs->rsp = g[REG_RSP], regs->eflags = g[REG_EFL];
    regs->cs = g[REG_CSGSFS] & 0xffff;
    regs->fs_base = slot_read(s->slot->fs_base);
    uint64_t gs_base = slot_read(s->slot->gs_base);
    if (gs_base != s->slot_va)
        regs->gs_base = gs_base; /* else it has ours, and believes in 0 */
    else
        regs->gs_base = 0;
}

/*
 * A call by a trap: rip is behind it, and rax has its number again. Where that number
 * looks like an error that restarts a call, the host has gone back or changed it.
 */
static void call_stop(const struct signal_frame *f, struct guest_regs *regs,
                      struct guest_stop *stop)
{
    if (regs->rip + SYSCALL_SIZE == f->addr)
        regs->rip = f->addr;
    make_call((int)regs->rax == f->syscall ? regs->rax : (uint64_t)f->syscall, regs);
    stop->why = STOP_SYSCALL;
    stop->trapped = true;
    stop->int80 = f->arch != AUDIT_ARCH_X86_64;
}

static void page_fault(const struct signal_frame *f, struct guest_stop *stop)
{
    stop->why = STOP_FAULT;
    stop->addr = uptr(f->gregs[REG_CR2]);
    stop->access = stop->error_code & PF_FETCH   ? PROT_EXEC
                   : stop->error_code & PF_WRITE ? PROT_WRITE
                                                 : PROT_READ;
}

void stop_from_frame(int signo, const struct signal_frame *f, struct guest_regs *regs,
                     struct guest_stop *stop)
{
    stop->signo = signo;
    stop->code = f->code;
    stop->addr = uptr(f->addr);
    stop->trapno = (uint32_t)f->gregs[REG_TRAPNO];
    stop->error_code = (uint32_t)f->gregs[REG_ERR];
    if (signo == SIGSYS) {
        call_stop(f, regs, stop);
    } else if (signo == SIGILL && f->code == SI_KERNEL) {
        make_call(URETPROBE, regs);
        stop->why = STOP_SYSCALL;
        stop->trapped = true;
    } else if (stop->trapno == VECTOR_PF && (signo == SIGSEGV || signo == SIGBUS)) {
        page_fault(f, stop);
    } else {
        stop->why = STOP_EXCEPTION;
    }
}
