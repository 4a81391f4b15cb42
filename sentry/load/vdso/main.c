/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library that every guest finds in its memory: the time, without a call.
 *
 * It runs in the guest, on the guest's stack, and knows nothing but its data page,
 * which lies right before its first byte. It has no data of its own, and whatever
 * it cannot answer it asks the sentry.
 *
 *   source    vdso(7), clock_gettime(2)
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "sentry/load/vdso/vvar.h"

#define NSEC_PER_SEC 1000000000
#define VVAR_SIZE    4096
#define TRIES        64 /* for a change to end: its writer may not be running */

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* Names: Linux's own, and those without a prefix as aliases. */
long __vdso_clock_gettime(clockid_t id, struct timespec *out);
long __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
long __vdso_time(time_t *out);
long __vdso_clock_getres(clockid_t id, struct timespec *out);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

static inline const struct vvar *vvar(void)
{
    const char *start = __ehdr_start;

    __asm__("" : "+r"(start)); /* what lies before an object is not for the compiler to judge */
    return (const struct vvar *)(start - VVAR_SIZE);
}

static inline long call2(long nr, const void *a, const void *b)
{
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

/* Is this a clock that the page tells? Where in the page? */
static inline size_t place_of(clockid_t id)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return offsetof(struct vvar, realtime);
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        return offsetof(struct vvar, monotonic);
    case CLOCK_BOOTTIME:
        return offsetof(struct vvar, boottime);
    default:
        return 0;
    }
}

/* Nanoseconds, or -1 where the sentry must be asked. */
static inline int64_t read_clock(size_t place)
{
    const struct vvar *v = vvar();

    for (int i = 0; i < TRIES; i++) {
        uint32_t seq = atomic_load_explicit(&v->seq, memory_order_acquire);
        if (seq & 1)
            continue;
        uint64_t ticks = vvar_ticks() - v->tick, valid = v->valid;
        int64_t base = *(const volatile int64_t *)((const char *)v + place);
        int64_t now = base + vvar_span(ticks, v->pace);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&v->seq, memory_order_relaxed) != seq)
            continue;
        /* A processor whose counter is behind makes `ticks` huge, and asks. */
        return ticks < valid ? now : -1;
    }
    return -1;
}

long __vdso_clock_gettime(clockid_t id, struct timespec *out)
{
    size_t place = place_of(id);
    int64_t now = place ? read_clock(place) : -1;

    if (now < 0)
        return call2(SYS_clock_gettime, (const void *)(long)id, out);
    out->tv_sec = now / NSEC_PER_SEC;
    out->tv_nsec = now % NSEC_PER_SEC;
    return 0;
}

long __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
    int64_t now = read_clock(offsetof(struct vvar, realtime));

    if (now < 0)
        return call2(SYS_gettimeofday, tv, tz);
    if (tv) {
        tv->tv_sec = now / NSEC_PER_SEC;
        tv->tv_usec = now % NSEC_PER_SEC / 1000;
    }
    if (tz) {
        tz->tz_minuteswest = 0;
        tz->tz_dsttime = 0;
    }
    return 0;
}

long __vdso_time(time_t *out)
{
    int64_t now = read_clock(offsetof(struct vvar, realtime));

    if (now < 0)
        return call2(SYS_time, out, NULL);
    if (out)
        *out = now / NSEC_PER_SEC;
    return now / NSEC_PER_SEC;
}

long __vdso_clock_getres(clockid_t id, struct timespec *out)
{
    if (!place_of(id) || !vvar()->resolution)
        return call2(SYS_clock_getres, (const void *)(long)id, out);
    if (out) {
        bool coarse = id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE;
        out->tv_sec = 0;
        out->tv_nsec = coarse ? vvar()->coarse : vvar()->resolution;
    }
    return 0;
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    uint32_t cpus = vvar()->cpus, low, high, aux;

    (void)unused;
    if (!cpus)
        return call2(SYS_getcpu, cpu, node);
    /* Linux keeps the processor's number there, and its node above. */
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    if (cpu)
        *cpu = (aux & 0xfff) % cpus;
    if (node)
        *node = 0;
    return 0;
}

#define ALIAS(name) __attribute__((weak, alias("__vdso_" #name)))
long clock_gettime_alias(clockid_t id, struct timespec *out) __asm__("clock_gettime")
    ALIAS(clock_gettime);
long gettimeofday_alias(struct timeval *tv, struct timezone *tz) __asm__("gettimeofday")
    ALIAS(gettimeofday);
long time_alias(time_t *out) __asm__("time") ALIAS(time);
long clock_getres_alias(clockid_t id, struct timespec *out) __asm__("clock_getres")
    ALIAS(clock_getres);
long getcpu_alias(unsigned *cpu, unsigned *node, void *unused) __asm__("getcpu") ALIAS(getcpu);
