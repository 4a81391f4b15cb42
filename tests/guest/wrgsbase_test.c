/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GS base that is set by an instruction, of which no kernel hears. A program of its own: who
 * has once asked the kernel for one (arch_prctl(2)) is treated with care from then on.
 */
#include <cpuid.h>
#include <sys/syscall.h>

#include "tests/guest/lib.h"

static bool has_wrgsbase(void)
{
    unsigned a, b = 0, c, d;

    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    return b & bit_FSGSBASE;
}

/* From a site of its own, which is used once. */
static long call_anew(long nr)
{
    long got;

    __asm__ volatile("syscall" : "=a"(got) : "a"(nr) : "rcx", "r11", "memory");
    return got;
}

/* Calls from a site that was hot before leave alone what the base points to. */
TEST(nobody_writes_where_it_points)
{
    static char there[1 << 16], nothing[1 << 16];
    long pid = getpid();

    if (!has_wrgsbase())
        return;
    for (int i = 0; i < 200; i++)
        CHECK_EQ(syscall(SYS_getpgid, 0), getpgrp());
    __asm__ volatile("wrgsbase %0" : : "r"(there));
    CHECK_EQ(call_anew(SYS_getpid), pid); /* by which one may see it */
    CHECK_EQ(syscall(SYS_getpid), pid);
    CHECK_EQ(syscall(SYS_getpgid, 0), getpgrp());
    CHECK(memcmp(there, nothing, sizeof there) == 0);
    __asm__ volatile("wrgsbase %0" : : "r"(0ul));
}

MAIN
