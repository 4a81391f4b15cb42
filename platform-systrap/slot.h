/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stub and its sentry thread share. The guest's other threads can write all of
 * it at any time: each word that decides something is read once, by slot_read() or as an
 * atomic, registers and FPU state are copied and looked at in the copy, and nothing is
 * believed.
 */
#pragma once

#include "base/cc.h"
#include "include/abi/regs_amd64.h"
#include "platform-systrap/layout.h"

/*
 * A line of the cache that both processors write costs a trip from one to the other each time.
 * So a call takes one line there, and its answer takes the same one back; what is in the others
 * stays where it is, until somebody needs it.
 */
struct slot {
    _Atomic uint32_t turn; /* TURN_* */
    union {
        uint32_t why;    /* WHY_*: from the stub */
        uint32_t orders; /* ORDER_*: to the stub */
    };
    union {
        uint64_t nr;     /* WHY_CALL: what %rax was */
        uint64_t result; /* ORDER_RESULT: what it is to be */
    };
    uint64_t args[6]; /* WHY_CALL: in the order of the call */

    _Atomic uint32_t sentry_sleeps; /* on `turn`; ours */
    _Atomic uint32_t stub_sleeps;   /* the same; the stub's */
    uint32_t spin;                  /* cycles, before the stub sleeps */
    uint32_t looks;                 /* cycles of these until it first yields */
    uint32_t stalled;               /* the stub's: it has yielded for too long */
    uint32_t pkru;                  /* the guest's, where it shuts key 0; or 0 */
    uint8_t unused1[SLOT_KICKED - SLOT_PKRU - sizeof(uint32_t)];

    uint32_t kicked; /* the stub's alone: a kick came where it could not be told */
    uint32_t signo;
    uint64_t frame; /* address of the ucontext, in the stub */
    uint64_t gs_base, fs_base;
    uint8_t unused2[SLOT_REGS - SLOT_FS_BASE - sizeof(uint64_t)];

    struct guest_regs regs;
    uint8_t unused3[SLOT_GREGS - SLOT_REGS - sizeof(struct guest_regs)];

    uint64_t gregs[SLOT_GREGS_COUNT];
    uint8_t unused4[SLOT_NARROW_AT - SLOT_GREGS - SLOT_GREGS_COUNT * sizeof(uint64_t)];
    uint64_t narrow_at, narrow_size; /* bytes: for ORDER_NARROW */
    uint32_t narrow_prot;
    uint8_t unused5[SLOT_ANSWERS - SLOT_NARROW_PROT - sizeof(uint32_t)];
    uint64_t answers[SLOT_ANSWER_CALLS];
    uint8_t unused6[SLOT_FPU - SLOT_ANSWERS - SLOT_ANSWER_CALLS * sizeof(uint64_t)];
    uint8_t fpu[SLOT_FPU_SIZE];
    uint8_t stack[SLOT_STACK_SIZE];
};
static_assert(sizeof(struct slot) == SLOT_SIZE, "layout.h");
static_assert(offsetof(struct slot, nr) == SLOT_NR, "layout.h");
static_assert(offsetof(struct slot, result) == SLOT_RESULT, "layout.h");
static_assert(offsetof(struct slot, args) == SLOT_ARGS, "layout.h");
static_assert(offsetof(struct slot, sentry_sleeps) == SLOT_SENTRY_SLEEPS, "layout.h");
static_assert(offsetof(struct slot, stub_sleeps) == SLOT_STUB_SLEEPS, "layout.h");
static_assert(offsetof(struct slot, kicked) == SLOT_KICKED, "layout.h");
static_assert(offsetof(struct slot, why) == SLOT_WHY, "layout.h");
static_assert(offsetof(struct slot, orders) == SLOT_ORDERS, "layout.h");
static_assert(offsetof(struct slot, signo) == SLOT_SIGNAL, "layout.h");
static_assert(offsetof(struct slot, spin) == SLOT_SPIN, "layout.h");
static_assert(offsetof(struct slot, frame) == SLOT_FRAME, "layout.h");
static_assert(offsetof(struct slot, gs_base) == SLOT_GS_BASE, "layout.h");
static_assert(offsetof(struct slot, fs_base) == SLOT_FS_BASE, "layout.h");
static_assert(offsetof(struct slot, looks) == SLOT_LOOKS, "layout.h");
static_assert(offsetof(struct slot, stalled) == SLOT_STALLED, "layout.h");
static_assert(offsetof(struct slot, regs) == SLOT_REGS, "layout.h");
static_assert(offsetof(struct slot, pkru) == SLOT_PKRU, "layout.h");
static_assert(offsetof(struct slot, gregs) == SLOT_GREGS, "layout.h");
static_assert(offsetof(struct slot, narrow_at) == SLOT_NARROW_AT, "layout.h");
static_assert(offsetof(struct slot, narrow_size) == SLOT_NARROW_SIZE, "layout.h");
static_assert(offsetof(struct slot, narrow_prot) == SLOT_NARROW_PROT, "layout.h");
static_assert(offsetof(struct slot, answers) == SLOT_ANSWERS, "layout.h");
static_assert(offsetof(struct slot, fpu) == SLOT_FPU, "layout.h");
static_assert(offsetof(struct slot, stack) == SLOT_STACK, "layout.h");
static_assert(offsetof(struct guest_regs, rip) == GREG_RIP, "layout.h");
static_assert(offsetof(struct guest_regs, rsp) == GREG_RSP, "layout.h");
static_assert(offsetof(struct guest_regs, gs_base) == GREG_GS_BASE, "layout.h");
static_assert(offsetof(struct guest_regs, rdi) == GREG_RDI, "layout.h");
static_assert((uint64_t)SLOTS_MAX * SLOT_SIZE == STUB_SLOTS_SIZE, "layout.h");
static_assert(STUB_SLOTS + STUB_SLOTS_SIZE == STUB_SLOTS_END, "layout.h");

/* A word that is no atomic, as it is now. When it is read again it may be another. */
#define slot_read(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)

/* Where a stub has the slot of this number. */
static inline uint64_t slot_address(uint32_t n)
{
    return STUB_SLOTS + (uint64_t)n * SLOT_SIZE;
}
