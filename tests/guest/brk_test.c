/* SPDX-License-Identifier: Apache-2.0 */
/* brk(2) */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "faults.h"

static char *raw_brk(void *want)
{
    return (char *)syscall(SYS_brk, want);
}

TEST(grows_and_shrinks)
{
    char *start = raw_brk(NULL);

    CHECK(raw_brk(start + 100) == start + 100);
    CHECK(raw_brk(start + 100 * PAGE) == start + 100 * PAGE);
    start[99 * PAGE] = 'x';
    CHECK(raw_brk(start + 50 * PAGE) == start + 50 * PAGE);
    CHECK_EQ(reading(start + 60 * PAGE), SIGSEGV);
    CHECK(raw_brk(start + 100 * PAGE) == start + 100 * PAGE);
    CHECK(start[99 * PAGE] == 0);
    CHECK(raw_brk(start) == start);
}

TEST(what_cannot_be_leaves_it_where_it_was)
{
    char *start = raw_brk(NULL);

    CHECK(raw_brk((void *)1) == start);
    CHECK(raw_brk((void *)-1) == start);
    char *next = (char *)(((uintptr_t)start + 20 * PAGE) & ~(PAGE - 1));
    char *wall = mmap(next, PAGE, PROT_NONE, ANON, -1, 0);
    if (wall == next)
        CHECK(raw_brk(next + PAGE) == start);
    munmap(wall, PAGE);
}

TEST(the_limit_of_data_counts)
{
    struct rlimit was, none;
    char *start = raw_brk(NULL);

    CHECK(getrlimit(RLIMIT_DATA, &was) == 0);
    none = was;
    none.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_DATA, &none) == 0);
    CHECK(raw_brk(start + 10 * PAGE) == start);
    CHECK(setrlimit(RLIMIT_DATA, &was) == 0);
    CHECK(raw_brk(start + 10 * PAGE) == start + 10 * PAGE);
    CHECK(raw_brk(start) == start);
}

MAIN
