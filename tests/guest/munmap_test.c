/* SPDX-License-Identifier: Apache-2.0 */
/* munmap(2) */
#include <errno.h>
#include <fcntl.h>

#include "faults.h"
#include "tests/guest/child.h"

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

/* Whatever comes next at a place that was given back: a part of it, more than it, a read by a call.
 */
TEST(what_comes_after_elsewhere_and_otherwise_is_right_too)
{
    int zero = open("/dev/zero", O_RDONLY);

    for (int i = 0; i < 60; i++) {
        size_t size = (size_t)(1 + i % 7) * PAGE;
        char *p = anon(16 * PAGE, RW), *q;
        memset(p, 0xff, 16 * PAGE);
        CHECK(munmap(p, 16 * PAGE) == 0);
        CHECK_EQ(read(zero, p + 5 * PAGE, 1), -1); /* EFAULT */
        CHECK_EQ(errno, EFAULT);
        if (i % 3 == 0)
            CHECK_EQ(reading(p + 3 * PAGE), SIGSEGV);
        q = mmap(p + 4 * PAGE, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        CHECK(q == p + 4 * PAGE && q[0] == 0 && q[size - 1] == 0);
        CHECK_EQ(reading(q - 1), SIGSEGV);
        CHECK_EQ(reading(q + size), SIGSEGV);
        q[0] = 1;
        CHECK(munmap(q, size) == 0);
        CHECK_EQ(reading(q), SIGSEGV);
        q = anon(16 * PAGE, PROT_READ);
        CHECK(q[0] == 0 && q[16 * PAGE - 1] == 0);
        CHECK(munmap(q, 16 * PAGE) == 0);
    }
    close(zero);
}

#define TASK_SIZE ((1ul << 47) - PAGE)

/* Its own code too: it dies where it would go on. */
static int unmaps_all(void)
{
    munmap(NULL, TASK_SIZE);
    return 1;
}

TEST(a_range_may_go_up_to_the_end_of_all_addresses)
{
    char *p = anon(2 * PAGE, RW);
    int status = in_child(unmaps_all);

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK(munmap((void *)(TASK_SIZE - 4 * PAGE), 4 * PAGE) == 0);
    CHECK(munmap((void *)(TASK_SIZE - PAGE), PAGE) == 0);
    CHECK_ERRNO(munmap((void *)(TASK_SIZE - PAGE), 2 * PAGE), EINVAL);
    CHECK_ERRNO(munmap((void *)TASK_SIZE, PAGE), EINVAL);
    CHECK_ERRNO(munmap(p, TASK_SIZE), EINVAL);
    CHECK(munmap(p, 2 * PAGE) == 0);
}

static char *given_back;

static int child_sees_nothing(void)
{
    REQUIRE(reading(given_back) == SIGSEGV);
    char *p = anon(16 * PAGE, RW);
    REQUIRE(p[0] == 0 && p[15 * PAGE] == 0);
    return 0;
}

TEST(what_is_gone_is_gone_for_a_child)
{
    for (int i = 0; i < 20; i++) {
        given_back = anon(16 * PAGE, RW);
        memset(given_back, 0xff, 16 * PAGE);
        CHECK(munmap(given_back, 16 * PAGE) == 0);
        CHECK_CHILD(child_sees_nothing);
        CHECK_EQ(reading(given_back), SIGSEGV);
    }
}

/* Of a file, as a loader gives back what it has looked up; and what comes at that place. */
TEST(what_is_given_back_of_a_file_is_gone)
{
    int fd = open("/proc/self/exe", O_RDONLY);

    CHECK(fd >= 0);
    for (int i = 0; i < 30; i++) {
        char *p = mmap(NULL, 6 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
        CHECK(p[0] == 0x7f && p[1] == 'E');
        size_t size = (size_t)(1 + i % 6) * PAGE;
        CHECK(munmap(p, size) == 0);
        if (i % 2)
            CHECK_EQ(reading(p), SIGSEGV);
        CHECK_EQ(reading(p + 6 * PAGE - 1), size == 6 * PAGE ? SIGSEGV : 0);
        char *q = mmap(p, size, i % 3 ? RW : PROT_READ, ANON | MAP_FIXED, -1, 0);
        CHECK(q == p && q[0] == 0 && q[size - 1] == 0);
        CHECK(munmap(p, 6 * PAGE) == 0);
        CHECK_EQ(reading(p), SIGSEGV);
        CHECK_EQ(fault_code, SEGV_MAPERR);
    }
    close(fd);
}

MAIN
