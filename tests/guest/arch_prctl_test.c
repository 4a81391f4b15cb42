/* SPDX-License-Identifier: Apache-2.0 */
/* arch_prctl(2): the bases of FS and GS. */
#include <asm/prctl.h>

#include "tests/guest/child.h"

TEST(segment_bases)
{
    unsigned long fs = 0, gs = 1, target = 0x1122334455667788, seen;

    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs), 0);
    CHECK(fs != 0);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, &target), 0);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs), 0);
    CHECK(gs == (unsigned long)&target);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
    CHECK(seen == target);
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, ~0ul), EPERM);
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_GET_GS, 8L), EFAULT);
    CHECK_ERRNO(syscall(SYS_arch_prctl, 0x7777, 0), EINVAL);
}

static int has_gs(void)
{
    unsigned long seen;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
    return seen != 0x1122334455667788;
}

TEST(bases_go_over_a_fork)
{
    static unsigned long target = 0x1122334455667788;

    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, &target), 0);
    CHECK_CHILD(has_gs);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, 0), 0);
}

MAIN
