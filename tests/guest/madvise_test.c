/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(2) */
#include <sys/wait.h>

#include "faults.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static char *filled(size_t pages)
{
    char *p = anon(pages * PAGE, RW);

    memset(p, 5, pages * PAGE);
    return p;
}

TEST(what_is_not_needed_is_zero_again)
{
    char *p = filled(40);

    CHECK(madvise(p + 3 * PAGE, 20 * PAGE, MADV_DONTNEED) == 0);
    for (size_t i = 0; i < 40; i++)
        CHECK(p[i * PAGE] == (i >= 3 && i < 23 ? 0 : 5));
    p[5 * PAGE] = 1;
    CHECK(p[5 * PAGE] == 1);
    munmap(p, 40 * PAGE);
}

TEST(a_private_file_page_is_the_file_s_again)
{
    int fd = file_of_pages(3);
    char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);

    p[PAGE] = '!';
    CHECK(madvise(p, 3 * PAGE, MADV_DONTNEED) == 0);
    CHECK(p[PAGE] == 'b');
    munmap(p, 3 * PAGE);
    close(fd);
}

TEST(shared_memory_keeps_its_bytes)
{
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    p[0] = 'x';
    CHECK(madvise(p, 2 * PAGE, MADV_DONTNEED) == 0);
    CHECK(p[0] == 'x');
    CHECK(madvise(p, PAGE, MADV_REMOVE) == 0);
    CHECK(p[0] == 0);
    munmap(p, 2 * PAGE);
}

TEST(a_child_does_not_get_what_is_not_for_it)
{
    char *p = filled(3);
    int status;

    CHECK(madvise(p + PAGE, PAGE, MADV_DONTFORK) == 0);
    CHECK(madvise(p + 2 * PAGE, PAGE, MADV_WIPEONFORK) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (p[0] != 5 || p[2 * PAGE] != 0)
            _exit(1);
        p[2 * PAGE] = 1;
        _exit(reading(p + PAGE) == SIGSEGV ? 0 : 2);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    CHECK(p[PAGE] == 5 && p[2 * PAGE] == 5);
    CHECK(madvise(p + PAGE, PAGE, MADV_DOFORK) == 0);
    CHECK(madvise(p + 2 * PAGE, PAGE, MADV_KEEPONFORK) == 0);
    pid = fork();
    if (pid == 0)
        _exit(p[PAGE] == 5 && p[2 * PAGE] == 5 ? 0 : 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    munmap(p, 3 * PAGE);
}

TEST(populating_makes_pages_or_says_why_not)
{
    unsigned char vec[4];
    char *p = anon(200 * PAGE, RW), *r = anon(PAGE, PROT_READ);

    CHECK(madvise(p + 100 * PAGE, 4 * PAGE, MADV_POPULATE_WRITE) == 0);
    CHECK(mincore(p + 100 * PAGE, 4 * PAGE, vec) == 0 && vec[0] & vec[1] & vec[2] & vec[3] & 1);
    CHECK_ERRNO(madvise(r, PAGE, MADV_POPULATE_WRITE), EINVAL);
    CHECK(madvise(r, PAGE, MADV_POPULATE_READ) == 0);
    munmap(r, PAGE);
    CHECK_ERRNO(madvise(r, PAGE, MADV_POPULATE_READ), ENOMEM);
    munmap(p, 200 * PAGE);
}

TEST(advice_that_changes_nothing)
{
    static const int advices[] = { MADV_NORMAL,   MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
                                   MADV_DONTDUMP, MADV_DODUMP, MADV_COLD };
    char *p = filled(4);

    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        CHECK(madvise(p + PAGE, 2 * PAGE, advices[i]) == 0);
        CHECK(p[0] == 5 && p[PAGE] == 5);
    }
    munmap(p, 4 * PAGE);
}

TEST(bad_arguments)
{
    char *p = filled(4);

    CHECK_ERRNO(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
    CHECK_ERRNO(madvise(p, PAGE, 12345), EINVAL);
    CHECK_ERRNO(madvise(p, (size_t)-1, MADV_NORMAL), EINVAL);
    CHECK(madvise(p, 0, MADV_DONTNEED) == 0);
    CHECK_ERRNO(madvise(p, PAGE, MADV_REMOVE), EINVAL);
    munmap(p + PAGE, PAGE);
    /* A hole: the rest is done nevertheless. */
    CHECK_ERRNO(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK(p[0] == 0 && p[2 * PAGE] == 0 && p[3 * PAGE] == 0);
    char *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(madvise(s, PAGE, MADV_WIPEONFORK), EINVAL);
    CHECK_ERRNO(madvise(s, PAGE, MADV_FREE), EINVAL);
    munmap(s, PAGE);
    munmap(p, 4 * PAGE);
}

TEST(freed_memory_is_old_or_zero_until_it_is_written)
{
    char *p = filled(2);

    CHECK(madvise(p, 2 * PAGE, MADV_FREE) == 0);
    CHECK(p[0] == 0 || p[0] == 5);
    p[PAGE] = 6;
    CHECK(p[PAGE] == 6);
    munmap(p, 2 * PAGE);
}

MAIN
