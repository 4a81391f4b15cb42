/* SPDX-License-Identifier: Apache-2.0 */
/* FPU state: where it is kept, and that it is nobody else's. */
#pragma once

#include <cpuid.h>
#include <errno.h>
#include <immintrin.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/platform/rig.h"

#define HEADER_OFF        512
#define MXCSR_OFF         24
#define XMM_OFF           160 /* xmm0; SDM vol. 1, table 10-2 */
#define FEATURE_TILE_DATA 18

static uint64_t xcr0(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has_feature(int n)
{
    return xcr0() >> n & 1;
}

static uint64_t header(const void *area)
{
    uint64_t bits;

    memcpy(&bits, (const char *)area + HEADER_OFF, sizeof bits);
    return bits;
}

/* Code that moves 64 bytes from (%rdi) to its widest vector register, and back. */
static void vector_code(struct rig *r)
{
    if (has_feature(6)) {
        CODE(r, CODE_AT,
             "\x62\x61\xfe\x48\x6f\x3f\x0f\x05"); /* vmovdqu64 (%rdi), %zmm31; syscall */
        CODE(r, CODE_AT + 32,
             "\x62\x61\xfe\x48\x7f\x3f\x0f\x05"); /* vmovdqu64 %zmm31, (%rdi); syscall */
    } else if (has_feature(2)) {
        CODE(r, CODE_AT, "\xc5\x7e\x6f\x3f\x0f\x05");      /* vmovdqu (%rdi), %ymm15; syscall */
        CODE(r, CODE_AT + 32, "\xc5\x7e\x7f\x3f\x0f\x05"); /* vmovdqu %ymm15, (%rdi); syscall */
    } else {
        CODE(r, CODE_AT, "\xf3\x0f\x6f\x3f\x0f\x05");      /* movdqu (%rdi), %xmm7; syscall */
        CODE(r, CODE_AT + 32, "\xf3\x0f\x7f\x3f\x0f\x05"); /* movdqu %xmm7, (%rdi); syscall */
    }
}

static size_t vector_size(void)
{
    return has_feature(6) ? 64 : has_feature(2) ? 32 : 16;
}

static void load_vector(struct rig *r, struct guest_thread *t, struct aspace *as, uint8_t with)
{
    struct guest_regs regs = rig_regs(CODE_AT);

    regs.rdi = DATA_AT;
    memset(r->ram + DATA_OFF, with, 64);
    cr_assert_eq(OPS->run(t, as, &regs, &r->stop), 0);
    cr_assert_eq(r->stop.why, STOP_SYSCALL);
}

static bool vector_is(struct rig *r, struct guest_thread *t, struct aspace *as, uint8_t byte)
{
    struct guest_regs regs = rig_regs(CODE_AT + 32);
    bool same = true;

    regs.rdi = DATA_AT;
    memset(r->ram + DATA_OFF, 0xee, 64);
    cr_assert_eq(OPS->run(t, as, &regs, &r->stop), 0);
    cr_assert_eq(r->stop.why, STOP_SYSCALL);
    for (size_t i = 0; i < vector_size(); i++)
        same &= r->ram[DATA_OFF + i] == byte;
    return same;
}

Test(fpu, stays_with_its_thread)
{
    struct guest_thread *other;
    struct rig r;

    rig_start(&r);
    vector_code(&r);
    cr_assert_eq(OPS->thread_create(r.p, &other), 0);
    load_vector(&r, r.t, r.as, 0x11);
    load_vector(&r, other, r.as, 0x22);
    cr_assert(vector_is(&r, r.t, r.as, 0x11));
    cr_assert(vector_is(&r, other, r.as, 0x22));
    OPS->thread_destroy(other);
    rig_stop(&r);
}

Test(fpu, moves_with_its_thread_to_another_address_space)
{
    struct aspace *other;
    struct rig r;

    rig_start(&r);
    vector_code(&r);
    load_vector(&r, r.t, r.as, 0x33);
    cr_assert_eq(OPS->aspace_fork(r.as, &other), 0);
    cr_assert(vector_is(&r, r.t, other, 0x33));
    cr_assert(vector_is(&r, r.t, r.as, 0x33));
    OPS->aspace_destroy(other);
    rig_stop(&r);
}

Test(fpu, can_be_copied_to_a_thread_that_has_not_run)
{
    struct guest_thread *child;
    struct aspace *as;
    struct rig r;

    rig_start(&r);
    vector_code(&r);
    size_t size = OPS->fpu_size(r.p);
    void *area = malloc(size), *again = malloc(size);
    load_vector(&r, r.t, r.as, 0x44);
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
    cr_assert_eq(OPS->aspace_fork(r.as, &as), 0);
    cr_assert_eq(OPS->thread_create(r.p, &child), 0);
    cr_assert_eq(OPS->fpu_set(child, area, size), 0);
    cr_assert_eq(OPS->fpu_get(child, again, size), 0);
    cr_assert_arr_eq(area, again, size);
    cr_assert(vector_is(&r, child, as, 0x44));
    load_vector(&r, r.t, r.as, 0x55);
    cr_assert_eq(OPS->fpu_set(r.t, area, size), 0); /* and back into one that has */
    cr_assert(vector_is(&r, r.t, r.as, 0x44));
    OPS->thread_destroy(child);
    OPS->aspace_destroy(as);
    free(area);
    free(again);
    rig_stop(&r);
}

static void check_initial(const uint8_t *area, size_t size)
{
    uint16_t fcw;
    uint32_t mxcsr;

    memcpy(&fcw, area, sizeof fcw);
    memcpy(&mxcsr, area + MXCSR_OFF, sizeof mxcsr);
    cr_assert_eq(fcw, 0x37f);
    cr_assert_eq(mxcsr, 0x1f80);
    for (size_t i = 32; i < 512 - 48; i++)
        cr_assert_eq(area[i], 0, "byte %zu of the legacy part", i);
    for (size_t i = HEADER_OFF + 64; i < size; i++) {
        unsigned a, b, c, d;
        __cpuid_count(0xd, 9, a, b, c, d); /* PKRU: b is its place */
        if (!has_feature(9) || i < b || i >= b + a)
            cr_assert_eq(area[i], 0, "byte %zu", i);
    }
}

Test(fpu, begins_in_the_initial_configuration)
{
    struct rig r;

    _mm_setcsr(_mm_getcsr() | 0x8000);
    __asm__ volatile("pcmpeqb %%xmm15, %%xmm15; pcmpeqb %%xmm0, %%xmm0" ::: "xmm0", "xmm15");
    rig_start(&r);
    vector_code(&r);
    size_t size = OPS->fpu_size(r.p);
    uint8_t *area = malloc(size);
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0); /* before it has run */
    check_initial(area, size);
    cr_assert(vector_is(&r, r.t, r.as, 0));
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
    check_initial(area, size);
    load_vector(&r, r.t, r.as, 0x66);
    OPS->fpu_reset(r.t);
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
    check_initial(area, size);
    cr_assert(vector_is(&r, r.t, r.as, 0));
    free(area);
    rig_stop(&r);
}

/* Linux gives a new program protection keys 1 to 15 without access. */
Test(fpu, pkru_is_as_after_an_exec)
{
    struct rig r;

    rig_start(&r);
    CODE(&r, CODE_AT, "\x31\xc9\x0f\x01\xee\x0f\x05"); /* xor %ecx, %ecx; rdpkru; syscall */
    for (int i = 0; i < 2; i++) {
        struct guest_regs regs = rig_regs(CODE_AT);
        if (rig_run(&r, &regs) == STOP_SYSCALL) /* or SIGILL */
            cr_assert_eq(regs.orig_rax, 0x55555554);
        OPS->fpu_reset(r.t);
    }
    rig_stop(&r);
}

Test(fpu, what_the_processor_does_not_take_is_refused)
{
    struct rig r;

    rig_start(&r);
    vector_code(&r);
    size_t size = OPS->fpu_size(r.p);
    uint8_t *area = malloc(size);
    for (int has_run = 0; has_run < 2; has_run++) {
        cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
        area[HEADER_OFF + 7] = 0x80; /* an unknown component */
        cr_assert_eq(OPS->fpu_set(r.t, area, size), -EINVAL);
        area[HEADER_OFF + 7] = 0;
        area[HEADER_OFF + 8] = 1; /* compact */
        cr_assert_eq(OPS->fpu_set(r.t, area, size), -EINVAL);
        area[HEADER_OFF + 8] = 0;
        area[HEADER_OFF + 63] = 1; /* reserved */
        cr_assert_eq(OPS->fpu_set(r.t, area, size), -EINVAL);
        area[HEADER_OFF + 63] = 0;
        area[MXCSR_OFF + 3] = 1; /* reserved bits */
        cr_assert_eq(OPS->fpu_set(r.t, area, size), -EINVAL);
        area[MXCSR_OFF + 3] = 0;
        cr_assert_eq(OPS->fpu_set(r.t, area, size), 0);
        load_vector(&r, r.t, r.as, 0x77);
    }
    free(area);
    rig_stop(&r);
}

#define TILES_AT (DATA_AT + 1024)

/* Loads a tile, or stores it: the configuration is at DATA_AT, 16 rows of 64 bytes at TILES_AT. */
static bool run_tiles(struct rig *r, struct guest_thread *t, struct aspace *as, uint64_t at)
{
    struct guest_regs regs = rig_regs(at);

    regs.rdi = DATA_AT;
    regs.rsi = TILES_AT;
    regs.rax = 64;
    cr_assert_eq(OPS->run(t, as, &regs, &r->stop), 0);
    return r->stop.why == STOP_SYSCALL;
}

Test(fpu, tiles_are_state_too)
{
    struct guest_thread *child;
    struct rig r;

    if (!has_feature(FEATURE_TILE_DATA))
        return;
    rig_start(&r);
    CODE(&r, CODE_AT, "\xc4\xe2\x78\x49\x07\xc4\xe2\x7b\x4b\x1c\x06\x0f\x05"); /* ldtilecfg (%rdi);
                                                      tileloadd (%rsi,%rax), %tmm3; syscall */
    CODE(&r, CODE_AT + 32, "\xc4\xe2\x7a\x4b\x1c\x06\x0f\x05"); /* tilestored %tmm3, …; syscall */
    r.ram[DATA_OFF] = 1;                                        /* palette */
    r.ram[DATA_OFF + 16 + 6] = 64;                              /* bytes in a row of tile 3 */
    r.ram[DATA_OFF + 48 + 3] = 16;                              /* its rows */
    memset(r.ram + DATA_OFF + 1024, 0x5a, 1024);
    if (!run_tiles(&r, r.t, r.as, CODE_AT)) {
        cr_assert_eq(r.stop.signo, SIGILL); /* the host's kernel is too old for them */
        rig_stop(&r);
        return;
    }
    size_t size = OPS->fpu_size(r.p);
    uint8_t *area = malloc(size);
    cr_assert_eq(OPS->fpu_get(r.t, area, size), 0);
    cr_assert(header(area) >> FEATURE_TILE_DATA & 1);
    cr_assert_eq(OPS->thread_create(r.p, &child), 0);
    cr_assert_eq(OPS->fpu_set(child, area, size), 0);
    memset(r.ram + DATA_OFF + 1024, 0, 1024);
    cr_assert(run_tiles(&r, child, r.as, CODE_AT + 32));
    for (size_t i = 0; i < 1024; i++)
        cr_assert_eq(r.ram[DATA_OFF + 1024 + i], 0x5a);
    free(area);
    OPS->thread_destroy(child);
    rig_stop(&r);
}

/* What a guest gets to see of an area is its own: none of it is what the buffer had before. */
Test(fpu, fills_all_of_an_area)
{
    struct rig r;

    rig_start(&r);
    vector_code(&r);
    size_t size = OPS->fpu_size(r.p);
    char *one = malloc(size), *two = malloc(size);
    for (int loaded = 0; loaded < 2; loaded++) {
        if (loaded)
            load_vector(&r, r.t, r.as, 0x5a);
        memset(one, 0xff, size);
        memset(two, 0x11, size);
        cr_assert_eq(OPS->fpu_get(r.t, one, size), 0);
        cr_assert_eq(OPS->fpu_get(r.t, two, size), 0);
        cr_assert_arr_eq(one, two, size);
    }
    cr_assert_eq(OPS->fpu_set(r.t, one, size), 0);
    memset(two, 0x11, size);
    cr_assert_eq(OPS->fpu_get(r.t, two, size), 0);
    cr_assert_arr_eq(one, two, size);
    free(one);
    free(two);
    rig_stop(&r);
}
