/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as x86-64 programs see them in memory.
 *
 *   source    include/uapi/asm-generic/siginfo.h, arch/x86/include/uapi/asm/sigcontext.h,
 *             arch/x86/include/uapi/asm/ucontext.h (Linux 6.6)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"

struct abi_siginfo {
    int32_t si_signo, si_errno, si_code, pad;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            uint64_t value; /* sigval, of SI_QUEUE and SI_MESGQ */
        } rt;               /* SI_USER and SI_TKILL use its first two */
        struct {
            int32_t id, overrun;
            uint64_t value;
            int32_t private; /* the kernel's own; not for programs */
        } timer;
        struct {
            int32_t pid;
            uint32_t uid;
            int32_t status, pad;
            int64_t utime, stime; /* clock ticks */
        } child;
        struct {
            uint64_t addr;
            int16_t addr_lsb;
            int16_t pad[3];
            uint64_t lower, upper;
        } fault;
        struct {
            int64_t band;
            int32_t fd;
        } poll;
        struct {
            uint64_t call_addr;
            int32_t syscall;
            uint32_t arch;
        } sys;
        uint8_t bytes[112];
    };
};
static_assert(sizeof(struct abi_siginfo) == 128, "siginfo_t");
static_assert(offsetof(struct abi_siginfo, rt.value) == 24, "si_value");
static_assert(offsetof(struct abi_siginfo, child.utime) == 32, "si_utime");

struct abi_sigaction {
    uint64_t handler; /* a guest address, SIG_DFL (0) or SIG_IGN (1) */
    uint64_t flags, restorer, mask;
};

struct abi_stack {
    uint64_t sp;
    int32_t flags, pad;
    uint64_t size;
};
static_assert(sizeof(struct abi_stack) == 24, "stack_t");

#define ABI_MINSIGSTKSZ 2048

struct abi_sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
    uint64_t eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    uint64_t fpstate; /* a guest address, or 0 */
    uint64_t reserved[8];
};
static_assert(sizeof(struct abi_sigcontext) == 256, "struct sigcontext_64");

struct abi_ucontext {
    uint64_t flags, link;
    struct abi_stack stack;
    struct abi_sigcontext mcontext;
    uint64_t sigmask;
};

enum {
    ABI_UC_FP_XSTATE = 1,         /* fpstate holds XSAVE state with its magic words */
    ABI_UC_SIGCONTEXT_SS = 2,     /* ss is what it was */
    ABI_UC_STRICT_RESTORE_SS = 4, /* and is to be what the context says */
};

/* What lies at the top of a handler's stack. The FPU state lies above it, 64-byte aligned. */
struct abi_sigframe {
    uint64_t pretcode; /* where the handler returns to: SA_RESTORER */
    struct abi_ucontext uc;
    struct abi_siginfo info;
};
static_assert(offsetof(struct abi_sigframe, info) == 312, "struct rt_sigframe");

/* The bytes of the FXSAVE area that the processor leaves to software: sw_reserved. */
struct abi_fpx_sw {
    uint32_t magic1;        /* ABI_FP_MAGIC1 where XSAVE state follows */
    uint32_t extended_size; /* bytes of the whole area with its last magic word */
    uint64_t xfeatures;     /* components that it may hold */
    uint32_t xstate_size;   /* bytes without the last magic word */
    uint32_t pad[7];
};
static_assert(sizeof(struct abi_fpx_sw) == 48, "struct _fpx_sw_bytes");

#define ABI_FP_MAGIC1      0x46505853u
#define ABI_FP_MAGIC2      0x46505845u
#define ABI_FP_MAGIC2_SIZE 4u
#define ABI_FXSAVE_SIZE    512u
#define ABI_FPX_SW_OFF     464u /* of abi_fpx_sw in the FXSAVE area */
#define ABI_XSTATE_MIN     576u /* FXSAVE area and XSAVE header */

/* signalfd(2). */
struct abi_signalfd_siginfo {
    uint32_t signo;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t tid, band, overrun, trapno;
    int32_t status, int_value;
    uint64_t ptr, utime, stime, addr;
    uint16_t addr_lsb, pad2;
    int32_t syscall;
    uint64_t call_addr;
    uint32_t arch;
    uint8_t pad[28];
};
static_assert(sizeof(struct abi_signalfd_siginfo) == 128, "struct signalfd_siginfo");

/* What timer_create(2) and mq_notify(2) take. */
struct abi_sigevent {
    uint64_t value;
    int32_t signo, notify, tid, pad[11];
};
static_assert(sizeof(struct abi_sigevent) == 64, "sigevent_t");
