/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor state that guests set by themselves, without a call: segment bases, flags,
 * protection keys, vectors and tiles. It keeps nobody from hearing of the guest's stops, and
 * nobody else finds it in a processor.
 */
#pragma once

#include <cpuid.h>

#include "tests/platform/attack.h"

/* ---- bases ---- */

static const uint64_t bases[] = {
    0,
    1,
    DATA_AT,
    FAKE_AT + SLOT_SIZE,
    SECRET_AT,
    CODE_AT,
    STUB_SLOTS,
    STUB_SLOTS + SLOT_SIZE,
    STUB_SLOTS + 2 * SLOT_SIZE,
    STUB_SLOTS + 3 * SLOT_SIZE + 1,
    STUB_CODE,
    STUB_CMD,
    STUB_END - 8,
    0x7fffffffffff,
    0x800000000000,
    0x8000000000000000,
    0xffff800000000000,
    0xffffffffff600000,
    UINT64_MAX,
};

/* wrfsbase %rdi; wrgsbase %rsi; syscall; mov %gs:(%rcx), %rbx; syscall; jmp back */
#define SET_BASES                                                          \
    "\xf3\x48\x0f\xae\xd7\xf3\x48\x0f\xae\xde\x31\xc9\x0f\x05\x31\xc9\x65" \
    "\x48\x8b\x19\x0f\x05\xeb\xe8"

static void any_bases(struct attacker *a, uint64_t i, struct guest_regs *regs)
{
    regs->rip = LOOP_AT + 16;
    regs->rdi = bases[i % ARRAY_LEN(bases)];
    regs->rsi = bases[i / ARRAY_LEN(bases) % ARRAY_LEN(bases)];
    if (i / ARRAY_LEN(bases) / ARRAY_LEN(bases) % 2) {
        regs->rip = LOOP_AT; /* the same, by the sentry */
        regs->fs_base = regs->rdi;
        regs->gs_base = regs->rsi;
    }
    regs->rax = roll(&a->dice) % 512;
}

Test(state, any_segment_bases, .timeout = 300)
{
    struct world w;

    world_start(&w);
    CODE(&w.r, LOOP_AT + 16, SET_BASES);
    struct attack done = attack(&w, any_bases, ARRAY_LEN(bases) * ARRAY_LEN(bases) * 2, 60);
    cr_assert_eq(done.tries, ARRAY_LEN(bases) * ARRAY_LEN(bases) * 2);
    cr_assert_gt(done.stops[STOP_SYSCALL], done.tries / 3);
    world_stop(&w);
}

/* ---- flags ---- */

static void any_flags(struct attacker *a, uint64_t i, struct guest_regs *regs)
{
    regs->rip = i % 2 ? LOOP_AT + 16 : LOOP_AT + 32;
    regs->rsp = DATA_AT + 2048;
    regs->rdi = roll(&a->dice) & 0x3f7fd7;
    regs->rsi = DATA_AT + 1025;
    if (i % 3 == 0)
        regs->eflags = roll(&a->dice);
}

Test(state, any_flags, .timeout = 300)
{
    struct world w;

    world_start(&w);
    /* push %rdi; popfq; mov (%rsi), %rax; syscall; jmp back */
    CODE(&w.r, LOOP_AT + 16, "\x57\x9d\x48\x8b\x06\x0f\x05\xeb\xf7");
    CODE(&w.r, LOOP_AT + 32, "\x57\x9d\x90\x0f\x0b\x90");
    struct attack done = attack(&w, any_flags, is_long() ? 100000 : 2000, is_long() ? 250 : 20);
    cr_assert_gt(done.stops[STOP_SYSCALL], 50);
    cr_assert_gt(done.stops[STOP_EXCEPTION], 50);
    world_stop(&w);
}

/* ---- protection keys ---- */

/* A guest that shuts its own key shuts itself out: of everything, its slot included. */
static void any_keys(struct attacker *a, uint64_t i, struct guest_regs *regs)
{
    regs->rip = LOOP_AT + 16;
    regs->rax = i < 4 ? i : roll(&a->dice) & UINT32_MAX;
    regs->rcx = regs->rdx = 0;
    regs->rdi = DATA_AT;
}

Test(state, any_protection_keys, .timeout = 300)
{
    unsigned a, b, c, d;
    struct world w;

    __cpuid_count(7, 0, a, b, c, d);
    if (!(c & bit_OSPKE))
        cr_skip_test("the processor has none");
    world_start(&w);
    /* wrpkru; syscall; mov (%rdi), %rbx; syscall; jmp on */
    CODE(&w.r, LOOP_AT + 16, "\x0f\x01\xef\x0f\x05\x48\x8b\x1f\x0f\x05\xeb\xfc");
    struct attack done = attack(&w, any_keys, 24, 100);
    cr_assert_gt(done.tries, 5);
    world_stop(&w);
}

/* ---- vectors, tiles, and whatever else XSAVE knows ---- */

#define AREA_AT    FAKE_AT
#define AREA_OFF   FAKE_OFF
#define PKRU       9
#define TILECFG    17
#define LEGACY     576 /* bytes of the fixed part and the header: SDM vol. 1, 13.4 */
#define TRACE_BYTE 0xa5

/* xrstor64 (%rdi); syscall     xsave64 (%rdi); syscall */
#define LOADS "\x48\x0f\xae\x2f\x0f\x05"
#define SAVES "\x48\x0f\xae\x27\x0f\x05"

static uint64_t components(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* An area in which every component that there is holds traces. */
static void fill_area(uint8_t *area)
{
    static const uint8_t tiles[] = { 1, [16] = 64, [48] = 16 };
    uint64_t has = components();
    unsigned size, at, c, d;

    memset(area, 0, FAKE_SIZE);
    memset(area + 32, TRACE_BYTE, 128 + 256); /* x87, SSE */
    memcpy(area + 24, "\x80\x1f\0\0", 4);     /* MXCSR */
    for (unsigned i = 2; i < 63; i++) {
        if (!(has >> i & 1))
            continue;
        __cpuid_count(0xd, i, size, at, c, d);
        if (i == TILECFG)
            memcpy(area + at, tiles, sizeof tiles);
        else if (i != PKRU)
            memset(area + at, TRACE_BYTE, size);
    }
    has &= ~(UINT64_C(1) << PKRU); /* initial: all keys open */
    memcpy(area + 512, &has, sizeof has);
}

static void do_area(struct world *w, struct guest_thread *t, struct aspace *as, uint64_t code)
{
    struct guest_regs regs = rig_regs(code);

    regs.rdi = AREA_AT;
    regs.rax = regs.rdx = UINT32_MAX;
    cr_assert_eq(OPS->run(t, as, &regs, &w->r.stop), 0);
    cr_assert_eq(w->r.stop.why, STOP_SYSCALL, "%lx: signal %d", regs.rip, w->r.stop.signo);
}

static size_t count_traces(struct world *w, struct guest_thread *t, struct aspace *as)
{
    uint8_t *area = w->r.ram + AREA_OFF;
    size_t n = 0;

    memset(area, 0, FAKE_SIZE);
    do_area(w, t, as, LOOP_AT + 32);
    for (size_t i = 0; i < FAKE_SIZE; i++)
        n += area[i] == TRACE_BYTE;
    return n;
}

static void leave_traces(struct world *w, struct guest_thread *t)
{
    fill_area(w->r.ram + AREA_OFF);
    do_area(w, t, w->r.as, LOOP_AT + 16);
    cr_assert_geq(count_traces(w, t, w->r.as), 256, "nothing was loaded");
}

Test(state, vectors_and_tiles_are_found_by_nobody_else, .timeout = 100)
{
    struct guest_thread *t, *next;
    struct world w;

    world_start(&w);
    CODE(&w.r, LOOP_AT + 16, LOADS);
    CODE(&w.r, LOOP_AT + 32, SAVES);
    rig_apply(w.other, op_map(AREA_AT, FAKE_SIZE, PROT_READ | PROT_WRITE, AREA_OFF));
    cr_assert_eq(OPS->thread_create(w.r.p, &t), 0);
    for (int i = 0; i < 20; i++) {
        leave_traces(&w, w.r.t);
        cr_assert_eq(count_traces(&w, t, w.r.as), 0, "beside it");
        cr_assert_eq(count_traces(&w, w.neighbour, w.other), 0, "in another address space");
        cr_assert_eq(OPS->thread_create(w.r.p, &next), 0);
        leave_traces(&w, next);
        OPS->thread_destroy(next);
        cr_assert_eq(OPS->thread_create(w.r.p, &next), 0);
        cr_assert_eq(count_traces(&w, next, w.r.as), 0, "in what it has left behind");
        OPS->thread_destroy(next);
        OPS->fpu_reset(w.r.t); /* as exec does */
        cr_assert_eq(count_traces(&w, w.r.t, w.r.as), 0, "in the next program");
    }
    OPS->thread_destroy(t);
    rig_apply(w.other, op_unmap(AREA_AT, FAKE_SIZE));
    world_stop(&w);
}
