/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stub and its sentry thread share. The guest's other threads can write all of
 * it at any time: each word is read once, and nothing is believed.
 */
#pragma once

#include "base/cc.h"
#include "include/abi/regs_amd64.h"
#include "platform-systrap/layout.h"

struct slot {
    _Atomic uint32_t turn;          /* TURN_* */
    _Atomic uint32_t sentry_sleeps; /* on `turn`; ours */
    _Atomic uint32_t stub_sleeps;   /* the same; the stub's */
    uint32_t kicked;                /* the stub's alone: a kick came where it could not be told */
    uint32_t why;                   /* WHY_* */
    uint32_t orders;                /* ORDER_* */
    uint32_t signo;
    uint32_t spin;  /* cycles, before the stub sleeps */
    uint64_t frame; /* address of the ucontext, in the stub */
    uint64_t gs_base, fs_base;
    uint32_t looks;   /* cycles of these until it first yields */
    uint32_t stalled; /* the stub's: it has yielded for too long */
    struct guest_regs regs;
    uint32_t pkru, unused1;
    uint64_t gregs[SLOT_GREGS_COUNT];
    uint8_t unused2[SLOT_ANSWERS - SLOT_GREGS - SLOT_GREGS_COUNT * sizeof(uint64_t)];
    uint64_t answers[SLOT_ANSWER_CALLS];
    uint8_t unused3[SLOT_FPU - SLOT_ANSWERS - SLOT_ANSWER_CALLS * sizeof(uint64_t)];
    uint8_t fpu[SLOT_FPU_SIZE];
    uint8_t stack[SLOT_STACK_SIZE];
};
static_assert(sizeof(struct slot) == SLOT_SIZE, "layout.h");
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
static_assert(offsetof(struct slot, answers) == SLOT_ANSWERS, "layout.h");
static_assert(offsetof(struct slot, fpu) == SLOT_FPU, "layout.h");
static_assert(offsetof(struct slot, stack) == SLOT_STACK, "layout.h");
static_assert(offsetof(struct guest_regs, rip) == GREG_RIP, "layout.h");
static_assert(offsetof(struct guest_regs, rsp) == GREG_RSP, "layout.h");
static_assert(offsetof(struct guest_regs, gs_base) == GREG_GS_BASE, "layout.h");
static_assert(offsetof(struct guest_regs, rdi) == GREG_RDI, "layout.h");
static_assert((uint64_t)SLOTS_MAX * SLOT_SIZE == STUB_SLOTS_SIZE, "layout.h");
static_assert(STUB_SLOTS + STUB_SLOTS_SIZE == STUB_SLOTS_END, "layout.h");

/* Where a stub has the slot of this number. */
static inline uint64_t slot_address(uint32_t n)
{
    return STUB_SLOTS + (uint64_t)n * SLOT_SIZE;
}
