/* SPDX-License-Identifier: Apache-2.0 */
/* mincore(2) */
#include "faults.h"

TEST(what_was_touched_is_there)
{
    unsigned char vec[2000];
    char *p = anon(2000 * PAGE, RW);

    p[0] = 1;
    p[1999 * PAGE] = 1;
    CHECK(mincore(p, 2000 * PAGE, vec) == 0);
    CHECK(vec[0] & 1 && vec[1999] & 1);
    CHECK(mincore(p + 5 * PAGE, 1, vec) == 0);
    munmap(p, 2000 * PAGE);
}

TEST(bad_arguments)
{
    unsigned char vec[8];
    char *p = anon(4 * PAGE, RW);

    CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL);
    CHECK_ERRNO(mincore(p, 4 * PAGE, (void *)8), EFAULT);
    CHECK_ERRNO(mincore(p, (size_t)-PAGE, vec), ENOMEM);
    CHECK(mincore(p, 0, vec) == 0);
    munmap(p + 2 * PAGE, PAGE);
    CHECK_ERRNO(mincore(p, 4 * PAGE, vec), ENOMEM);
    munmap(p, 4 * PAGE);
}

MAIN
