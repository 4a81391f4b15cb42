/* SPDX-License-Identifier: Apache-2.0 */
/* munmap(2) */
#include "faults.h"

TEST(what_is_unmapped_is_gone_and_the_rest_stays)
{
    char *p = anon(10 * PAGE, RW);

    memset(p, 7, 10 * PAGE);
    CHECK(munmap(p + 3 * PAGE, 2 * PAGE) == 0);
    CHECK_EQ(reading(p + 3 * PAGE), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_MAPERR);
    CHECK_EQ(reading(p + 5 * PAGE - 1), SIGSEGV);
    CHECK(p[3 * PAGE - 1] == 7 && p[5 * PAGE] == 7);
    CHECK(munmap(p, 10 * PAGE) == 0);
    CHECK_EQ(reading(p + 9 * PAGE), SIGSEGV);
}

TEST(nothing_there_is_fine)
{
    char *p = anon(PAGE, RW);

    CHECK(munmap(p, PAGE) == 0);
    CHECK(munmap(p, PAGE) == 0);
}

TEST(lengths_are_rounded_up)
{
    char *p = anon(4 * PAGE, RW);

    CHECK(munmap(p, PAGE + 1) == 0);
    CHECK_EQ(reading(p + PAGE), SIGSEGV);
    CHECK_EQ(reading(p + 2 * PAGE), 0);
    munmap(p, 4 * PAGE);
}

TEST(bad_arguments)
{
    char *p = anon(PAGE, RW);

    CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
    CHECK_ERRNO(munmap(p, 0), EINVAL);
    CHECK_ERRNO(munmap(p, (size_t)-1), EINVAL);
    CHECK_ERRNO(munmap((void *)~(PAGE - 1), PAGE), EINVAL);
    munmap(p, PAGE);
}

TEST(what_comes_after_is_zero)
{
    for (int i = 0; i < 50; i++) {
        char *p = anon(20 * PAGE, RW);
        for (size_t at = 0; at < 20 * PAGE; at += PAGE)
            CHECK(p[at] == 0 && p[at + PAGE - 1] == 0);
        memset(p, 0xff, 20 * PAGE);
        CHECK(munmap(p, 20 * PAGE) == 0);
    }
}

MAIN
