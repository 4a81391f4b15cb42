/* SPDX-License-Identifier: Apache-2.0 */
/* covers: munlock, mlockall, munlockall, mlock2 */
/* mlock(2), mlock2(2), mlockall(2) and their opposites. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "faults.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

static bool is_there(char *p)
{
    unsigned char vec;

    return mincore(p, PAGE, &vec) == 0 && vec & 1;
}

TEST(locked_pages_are_there)
{
    char *p = anon(100 * PAGE, RW);

    CHECK(mlock(p + 40 * PAGE, 8 * PAGE) == 0);
    for (size_t i = 40; i < 48; i++)
        CHECK(is_there(p + i * PAGE));
    CHECK_ERRNO(madvise(p + 40 * PAGE, PAGE, MADV_DONTNEED), EINVAL);
    CHECK(munlock(p + 40 * PAGE, 8 * PAGE) == 0);
    CHECK(madvise(p + 40 * PAGE, PAGE, MADV_DONTNEED) == 0);
    munmap(p, 100 * PAGE);
}

TEST(bytes_lock_the_pages_they_touch)
{
    char *p = anon(100 * PAGE, RW);

    CHECK(mlock(p + 50 * PAGE + 4000, 200) == 0);
    CHECK(is_there(p + 50 * PAGE) && is_there(p + 51 * PAGE));
    CHECK_ERRNO(madvise(p + 51 * PAGE, PAGE, MADV_DONTNEED), EINVAL);
    CHECK(madvise(p + 52 * PAGE, PAGE, MADV_DONTNEED) == 0);
    munmap(p, 100 * PAGE);
}

TEST(on_fault)
{
    char *p = anon(4 * PAGE, RW);

    CHECK(syscall(SYS_mlock2, p, 4 * PAGE, MLOCK_ONFAULT) == 0);
    CHECK_ERRNO(syscall(SYS_mlock2, p, 4 * PAGE, 2), EINVAL);
    CHECK_ERRNO(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
    munmap(p, 4 * PAGE);
}

TEST(all_and_what_comes)
{
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    char *p = anon(200 * PAGE, RW);
    CHECK(is_there(p + 199 * PAGE));
    CHECK_ERRNO(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
    CHECK(munlockall() == 0);
    CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0);
    munmap(p, 200 * PAGE);
    CHECK_ERRNO(mlockall(0), EINVAL);
    CHECK_ERRNO(mlockall(64), EINVAL);
    CHECK_ERRNO(mlockall(MCL_ONFAULT), EINVAL);
}

TEST(a_hole_is_enomem)
{
    char *p = anon(3 * PAGE, RW);

    munmap(p + PAGE, PAGE);
    CHECK_ERRNO(mlock(p, 3 * PAGE), ENOMEM);
    CHECK_ERRNO(munlock(p, 3 * PAGE), ENOMEM);
    CHECK(mlock(p, 0) == 0);
    munmap(p, 3 * PAGE);
}

/* In a child, for it cannot get its rights back. */
TEST(the_limit_counts_for_the_unprivileged)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit few = { 4 * PAGE, 4 * PAGE }, none = { 0, 0 };
        char *p = anon(10 * PAGE, RW);
        if (setrlimit(RLIMIT_MEMLOCK, &few) || (geteuid() == 0 && setuid(65534)))
            _exit(1);
        if (mlock(p, 4 * PAGE))
            _exit(2);
        if (mlock(p + 5 * PAGE, PAGE) == 0 || errno != ENOMEM)
            _exit(3);
        if (mlock(p, 4 * PAGE)) /* what is locked already does not count again */
            _exit(4);
        if (mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0) != MAP_FAILED || errno != EAGAIN)
            _exit(5);
        if (munlock(p, 4 * PAGE) || setrlimit(RLIMIT_MEMLOCK, &none))
            _exit(6);
        if (mlock(p, PAGE) == 0 || errno != EPERM)
            _exit(7);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
}

MAIN
