/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch_prctl(2), personality(2).
 * covers: personality
 */
#include <asm/prctl.h>
#include <sys/personality.h>
#include <sys/utsname.h>

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

static int linux32(void)
{
    struct utsname name;

    REQUIRE(personality(PER_LINUX32) == PER_LINUX);
    REQUIRE(personality(0xffffffff) == PER_LINUX32);
    REQUIRE(uname(&name) == 0 && strcmp(name.machine, "i686") == 0);
    return 0;
}

TEST(personalities)
{
    CHECK_EQ(personality(0xffffffff), PER_LINUX);
    CHECK_CHILD(linux32);
}

MAIN
