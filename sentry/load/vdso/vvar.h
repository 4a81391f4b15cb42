/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page through which the sentry tells the vDSO how to reckon time: a time on
 * three clocks, the processor's counter at that moment, and its pace.
 *
 * The sentry writes, every guest of the sandbox reads. `seq` is odd during a
 * change. Nothing is written on a schedule: when the numbers are older than
 * `valid` ticks the vDSO makes the call instead, and the sentry, asked, looks at
 * the clock again.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* A fraction, in steps of 2^-VVAR_FRAC_SHIFT. */
typedef uint64_t vvar_frac;
#define VVAR_FRAC_SHIFT 48

struct vvar {
    _Atomic uint32_t seq;
    uint32_t cpus;  /* processors that the guest knows; 0: their numbers are not told here */
    uint64_t tick;  /* the counter (RDTSC) at the moment that the rest is about */
    uint64_t valid; /* ticks for which it may be used; 0: not at all */
    vvar_frac pace; /* nanoseconds in a tick */
    int64_t monotonic, realtime, boottime; /* nanoseconds at `tick` */
    int64_t resolution, coarse;            /* nanoseconds: clock_getres(2) */
};

static inline uint64_t vvar_part(uint64_t whole, vvar_frac f)
{
    return (uint64_t)((unsigned __int128)whole * f >> VVAR_FRAC_SHIFT);
}

/* Nanoseconds in `ticks`, which are at most `valid`. */
static inline int64_t vvar_span(uint64_t ticks, vvar_frac pace)
{
    return (int64_t)vvar_part(ticks, pace);
}

/* Not before what stands before it in the program, RDTSC by itself may be. */
static inline uint64_t vvar_ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}
