/* SPDX-License-Identifier: Apache-2.0 */
/* msync(2) */
#include "faults.h"

TEST(a_shared_file_is_written_back)
{
    int fd = file_of_pages(3);
    char *p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), c;

    p[PAGE] = 'm';
    CHECK(msync(p, 3 * PAGE, MS_SYNC) == 0);
    CHECK(msync(p, 3 * PAGE, MS_ASYNC) == 0);
    CHECK(msync(p, 3 * PAGE, MS_SYNC | MS_INVALIDATE) == 0);
    CHECK(pread(fd, &c, 1, PAGE) == 1 && c == 'm');
    munmap(p, 3 * PAGE);
    close(fd);
}

TEST(bad_arguments)
{
    char *p = anon(4 * PAGE, RW);

    CHECK(msync(p, 4 * PAGE, MS_SYNC) == 0);
    CHECK(msync(p, 0, MS_SYNC) == 0);
    CHECK(msync(p, PAGE, 0) == 0);
    CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
    CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERRNO(msync(p, PAGE, 64), EINVAL);
    munmap(p + PAGE, PAGE);
    CHECK_ERRNO(msync(p, 4 * PAGE, MS_SYNC), ENOMEM);
    CHECK_ERRNO(msync(p + PAGE, PAGE, MS_SYNC), ENOMEM);
    CHECK(mlock(p, PAGE) == 0);
    CHECK_ERRNO(msync(p, PAGE, MS_INVALIDATE), EBUSY);
    munmap(p, 4 * PAGE);
}

MAIN
