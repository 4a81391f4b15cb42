/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots that guest threads share with the sentry, and the fixed places of their
 * code. For C and for assembly: numbers only.
 *
 * A slot is SLOT_SIZE bytes at a multiple of SLOT_SIZE, one for each stub of a guest
 * thread, at the same place in all address spaces. Stub code finds its slot
 *
 *   in a signal handler    from %rsp: the signal stack is in the slot
 *   at STUB_ENTRY          from %gs: its base is the slot while a guest runs whose own
 *                          base is 0
 *
 * A call site that was rewritten comes to STUB_ENTRY with the call's number in %eax
 * and its return address in %rcx, as `syscall` itself would leave it; %r11 is free,
 * and all other registers, flags included, are the guest's. Where a thread sets a GS
 * base of its own, the address space gets its original code back.
 */
#pragma once

#include "platform-stub/layout.h"

#define STUB_SLOTS      STUB_START
#define SLOT_SIZE       0x10000
#define SLOTS_MAX       0x4000
#define STUB_SLOTS_SIZE 0x40000000
#define STUB_SLOTS_END  0x7ffff0000000

#define STUB_ENTRY 0x7fffffff1400

#define STUB_INSNS_MAX 96 /* of the tight filter, in the page */

/* struct slot, in slot.h; each part begins a cache line */
#define SLOT_TURN          0 /* the line that goes back and forth */
#define SLOT_WHY           4
#define SLOT_ORDERS        4
#define SLOT_NR            8
#define SLOT_RESULT        8
#define SLOT_ARGS          16
#define SLOT_SENTRY_SLEEPS 64 /* what seldom changes */
#define SLOT_STUB_SLEEPS   68
#define SLOT_SPIN          72
#define SLOT_LOOKS         76
#define SLOT_STALLED       80
#define SLOT_PKRU          84  /* the guest's, where it shuts key 0; or 0 */
#define SLOT_KICKED        128 /* the stub's */
#define SLOT_SIGNAL        132
#define SLOT_FRAME         136
#define SLOT_GS_BASE       144
#define SLOT_FS_BASE       152
#define SLOT_REGS          192 /* struct guest_regs */
#define SLOT_GREGS         448 /* for ORDER_FRAME: the same registers, as a signal frame has them */
#define SLOT_GREGS_COUNT   19
#define SLOT_NARROW_AT     0x3e0
#define SLOT_NARROW_SIZE   0x3e8
#define SLOT_NARROW_PROT   0x3f0
#define SLOT_ANSWERS       0x400 /* of call n at 8 * n: what it gives, plus one; 0: ask */
#define SLOT_ANSWER_CALLS  256
#define SLOT_FPU           0x1000
#define SLOT_FPU_SIZE      0x3000
#define SLOT_STACK         0x4000 /* the signal stack, up to the end */
#define SLOT_STACK_SIZE    0xc000

/* struct guest_regs */
#define GREG_R15      0
#define GREG_R14      8
#define GREG_R13      16
#define GREG_R12      24
#define GREG_RBP      32
#define GREG_RBX      40
#define GREG_R11      48
#define GREG_R10      56
#define GREG_R9       64
#define GREG_R8       72
#define GREG_RAX      80
#define GREG_RCX      88
#define GREG_RDX      96
#define GREG_RSI      104
#define GREG_RDI      112
#define GREG_ORIG_RAX 120
#define GREG_RIP      128
#define GREG_CS       136
#define GREG_EFLAGS   144
#define GREG_RSP      152
#define GREG_SS       160
#define GREG_FS_BASE  168
#define GREG_GS_BASE  176

/* slot.turn: whose turn it is. The host writes 0 when the stub dies. */
#define TURN_DEAD   0
#define TURN_GUEST  1
#define TURN_SENTRY 2

/* slot.why: what a stop is */
#define WHY_CALL     1 /* from a rewritten call site: number and arguments are beside the turn */
#define WHY_SIGNAL   2 /* the signal frame has the registers */
#define WHY_ROLLBACK 3 /* the same, but the guest's registers are those it was to go on with */
#define WHY_DONE     4 /* orders, of which there was no ORDER_RUN */

/* A range whose rights are narrowed ends below STUB_START. */
#define NARROW_MAX 0x100000

/* Cycles of a yield after which it was a mistake: somebody computes. */
#define SPIN_STALL 200000

/* slot.orders: what the stub is to do, in this order */
#define ORDER_FPU_LOAD 1  /* XRSTOR from SLOT_FPU */
#define ORDER_FPU_SAVE 2  /* XSAVE to SLOT_FPU */
#define ORDER_RUN      4  /* guest code */
#define ORDER_IRET     8  /* with registers that only `iret` can set, and a GS base of its own */
#define ORDER_FRAME    16 /* from a signal frame: with SLOT_PKRU, which shuts the slot, too */
#define ORDER_RESULT   32 /* with all registers as they were left, but for rax */
#define ORDER_NARROW \
    64 /* leaves SLOT_NARROW_SIZE bytes at SLOT_NARROW_AT these rights: SLOT_NARROW_PROT */
#define ORDER_FPU_INIT 128 /* in the place of ORDER_FPU_LOAD: the state of a new program */

/*
 * Protection keys. Slots and stub code have key 0, as all of the guest's memory has; code that
 * works with a slot runs with it open, as Linux has it for signal handlers.
 *
 *   source    SDM vol. 3, 4.6.2; arch/x86/mm/pkeys.c, init_pkru_value
 */
#define PKRU_KEY_0 3 /* no access, no writing */
#define PKRU_OPEN  0x55555554
