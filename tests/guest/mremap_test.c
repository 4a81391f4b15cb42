/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2) */
#include "faults.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Pages whose first byte is their number. */
static char *numbered(size_t pages)
{
    char *p = anon(pages * PAGE, RW);

    for (size_t i = 0; i < pages; i++)
        p[i * PAGE] = (char)(i + 1);
    return p;
}

TEST(shrinking_cuts_the_end)
{
    char *p = numbered(5);

    CHECK(mremap(p, 5 * PAGE, 2 * PAGE, 0) == p);
    CHECK(p[PAGE] == 2);
    CHECK_EQ(reading(p + 2 * PAGE), SIGSEGV);
    munmap(p, 2 * PAGE);
}

TEST(growing_in_place)
{
    char *p = numbered(8);

    munmap(p + 4 * PAGE, 4 * PAGE);
    CHECK(mremap(p, 4 * PAGE, 6 * PAGE, 0) == p);
    CHECK(p[3 * PAGE] == 4 && p[4 * PAGE] == 0 && p[5 * PAGE] == 0);
    munmap(p, 8 * PAGE);
}

TEST(growing_where_there_is_no_room)
{
    char *p = numbered(4);

    CHECK(mmap(p + 2 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE);
    CHECK_ERRNO((long)mremap(p, 2 * PAGE, 3 * PAGE, 0), ENOMEM);
    char *q = mremap(p, 2 * PAGE, 100 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p);
    CHECK(q[0] == 1 && q[PAGE] == 2 && q[2 * PAGE] == 0 && q[99 * PAGE] == 0);
    CHECK_EQ(reading(p), SIGSEGV);
    munmap(q, 100 * PAGE);
    munmap(p, 4 * PAGE);
}

TEST(to_a_fixed_place)
{
    char *p = numbered(4), *q = anon(8 * PAGE, RW);

    memset(q, 9, 8 * PAGE);
    CHECK(mremap(p + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + 3 * PAGE) ==
          q + 3 * PAGE);
    CHECK(q[2 * PAGE] == 9 && q[3 * PAGE] == 2 && q[4 * PAGE] == 3 && q[5 * PAGE] == 9);
    CHECK(p[0] == 1 && p[3 * PAGE] == 4);
    CHECK_EQ(reading(p + PAGE), SIGSEGV);
    CHECK_EQ(writing(q + 3 * PAGE), 0);
    munmap(p, 4 * PAGE);
    munmap(q, 8 * PAGE);
}

TEST(a_shared_mapping_again)
{
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    p[PAGE] = 'x';
    char *q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p && q[PAGE] == 'x');
    q[0] = 'y';
    CHECK(p[0] == 'y');
    munmap(p, 2 * PAGE);
    munmap(q, 2 * PAGE);
    p = anon(PAGE, RW);
    CHECK_ERRNO((long)mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
    munmap(p, PAGE);
}

TEST(leaving_the_old_place)
{
    char *p = numbered(3);
    char *q = mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

    CHECK(q != MAP_FAILED && q != p);
    CHECK(q[PAGE] == 2 && p[PAGE] == 0);
    p[PAGE] = 7;
    CHECK(q[PAGE] == 2);
    munmap(p, 3 * PAGE);
    munmap(q, 3 * PAGE);
}

TEST(rights_move_along)
{
    char *p = numbered(2);

    CHECK(mprotect(p, 2 * PAGE, PROT_READ) == 0);
    char *q = mremap(p, 2 * PAGE, 50 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q[PAGE] == 2);
    CHECK_EQ(writing(q), SIGSEGV);
    CHECK_EQ(writing(q + 49 * PAGE), SIGSEGV);
    munmap(q, 50 * PAGE);
}

TEST(a_file_moves_and_grows_with_its_offsets)
{
    int fd = file_of_pages(10);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, PAGE);

    char *q = mremap(p, 4 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED);
    for (size_t i = 0; i < 9; i++)
        CHECK(q[i * PAGE] == 'b' + (char)i);
    CHECK_EQ(reading(q + 9 * PAGE), SIGBUS);
    munmap(q, 20 * PAGE);
    close(fd);
}

TEST(bad_arguments)
{
    char *p = numbered(4);

    CHECK_ERRNO((long)mremap(p + 1, PAGE, PAGE, 0), EINVAL);
    CHECK_ERRNO((long)mremap(p, PAGE, 0, 0), EINVAL);
    CHECK_ERRNO((long)mremap(p, PAGE, PAGE, 64), EINVAL);
    CHECK_ERRNO((long)mremap(p, PAGE, PAGE, MREMAP_FIXED, p + 2 * PAGE), EINVAL);
    CHECK_ERRNO((long)mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 2 * PAGE + 1),
                EINVAL);
    CHECK_ERRNO((long)mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE),
                EINVAL);
    CHECK_ERRNO((long)mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), EINVAL);
    munmap(p + PAGE, PAGE);
    CHECK_ERRNO((long)mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERRNO((long)mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE), EFAULT);
    munmap(p, 4 * PAGE);
}

TEST(realloc_style_growth_keeps_all_bytes)
{
    size_t pages = 1;
    char *p = anon(PAGE, RW);

    p[0] = 1;
    while (pages < 5000) {
        size_t more = pages * 2;
        p = mremap(p, pages * PAGE, more * PAGE, MREMAP_MAYMOVE);
        CHECK(p != MAP_FAILED);
        for (size_t i = pages; i < more; i++)
            p[i * PAGE] = (char)(i % 100);
        pages = more;
    }
    CHECK(p[0] == 1);
    for (size_t i = 1; i < pages; i++)
        CHECK(p[i * PAGE] == (char)(i % 100));
    munmap(p, pages * PAGE);
}

MAIN
