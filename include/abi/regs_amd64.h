/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a guest thread, in the order of Linux's user_regs_struct, so
 * that a platform on ptrace can hand them over as they are.
 *
 *   source    <sys/user.h>; arch/x86/include/uapi/asm/ptrace.h
 */
#pragma once

#include <stdint.h>
#include <sys/user.h>

#include "base/cc.h"

struct guest_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint64_t orig_rax; /* the call's number at a STOP_SYSCALL; -1 elsewhere */
    uint64_t rip, cs, eflags, rsp, ss;
    uint64_t fs_base, gs_base;
    uint64_t ds, es, fs, gs;
};
static_assert(sizeof(struct guest_regs) == sizeof(struct user_regs_struct), "as in ptrace(2)");

#define GUEST_CS 0x33 /* 64-bit user code */
#define GUEST_CS_COMPAT \
    0x23 /* 32-bit user code: a guest that jumps there gets SIGSEGV for its calls */
#define GUEST_SS 0x2b

/* What a guest may set in eflags by itself: CF PF AF ZF SF TF DF OF NT RF AC ID (SDM vol.
 * 1, 3.4.3). */
#define EFLAGS_GUEST 0x254dd5ull
#define EFLAGS_FIXED 0x202ull /* bit 1 and IF: always set in user mode */
