/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendfile(2), copy_file_range(2)
 *
 * covers: sendfile, copy_file_range
 */
#include <limits.h>
#include <sys/sendfile.h>

#include "files.h"

TEST(bytes_go_over)
{
    put("in", "0123456789");
    int in = open("in", O_RDONLY), out = open("out", O_CREAT | O_RDWR, 0600);
    off_t off = 3;
    CHECK_EQ(sendfile(out, in, NULL, 4), 4);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 4);
    CHECK_EQ(sendfile(out, in, &off, 100), 7);
    CHECK_EQ(off, 10);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 4);
    CHECK(has("out", "01233456789"));
    CHECK_EQ(sendfile(out, in, &off, 1), 0);
    close(in), close(out);
}

TEST(into_a_pipe)
{
    char buf[16];
    int in = open("in", O_RDONLY), p[2];
    CHECK(pipe(p) == 0);
    CHECK_EQ(sendfile(p[1], in, NULL, 10), 10);
    CHECK_EQ(read(p[0], buf, sizeof buf), 10);
    close(in), close(p[0]), close(p[1]);
}

TEST(errors)
{
    off_t off = 0, negative = -1;
    int in = open("in", O_RDONLY), out = open("out", O_RDWR),
        app = open("out", O_WRONLY | O_APPEND);
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(sendfile(-1, in, NULL, 1), EBADF);
    CHECK_ERRNO(sendfile(out, -1, NULL, 1), EBADF);
    CHECK_ERRNO(sendfile(in, in, NULL, 1), EBADF);
    CHECK_ERRNO(sendfile(out, app, NULL, 1), EBADF);
    CHECK_ERRNO(sendfile(app, in, NULL, 1), EINVAL);
    CHECK_ERRNO(sendfile(out, in, &negative, 1), EINVAL);
    CHECK_ERRNO(sendfile(out, in, NOWHERE, 1), EFAULT);
    CHECK_ERRNO(sendfile(out, p[0], &off, 1), ESPIPE);
    CHECK_ERRNO(sendfile(out, p[0], NULL, 1), EINVAL);
    close(in), close(out), close(app), close(p[0]), close(p[1]);
}

static long range(int in, off_t *in_off, int out, off_t *out_off, size_t n, unsigned flags)
{
    return syscall(SYS_copy_file_range, in, in_off, out, out_off, n, flags);
}

TEST(ranges_are_copied)
{
    off_t from = 2, to = 5;
    put("r", "abcdefgh");
    int in = open("r", O_RDWR), out = open("r2", O_CREAT | O_RDWR, 0600);
    CHECK_EQ(range(in, &from, out, &to, 3, 0), 3);
    CHECK_EQ(from, 5);
    CHECK_EQ(to, 8);
    CHECK_EQ(stat_of("r2").st_size, 8);
    CHECK_EQ(range(in, NULL, out, NULL, 2, 0), 2);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 2);
    CHECK_EQ(lseek(out, 0, SEEK_CUR), 2);
    from = 100;
    CHECK_EQ(range(in, &from, out, NULL, 2, 0), 0);
    from = 0, to = 4;
    CHECK_EQ(range(in, &from, in, &to, 4, 0), 4);
    CHECK(has("r", "abcdabcd"));
    close(in), close(out);
}

/* More may be asked for than there is, as cp(1) does: only what there is counts. */
TEST(ranges_end_with_the_file)
{
    const off_t far = (off_t)2 << 30, most = SSIZE_MAX >> 30 << 30;
    off_t from = far, to = far;
    int in = open("big", O_CREAT | O_RDWR, 0600), out = open("big2", O_CREAT | O_RDWR, 0600);
    CHECK(ftruncate(in, far + 5) == 0);
    CHECK_EQ(range(in, &from, out, &to, (size_t)most, 0), 5);
    CHECK_EQ(from, far + 5);
    CHECK_EQ(stat_of("big2").st_size, far + 5);
    CHECK_EQ(range(in, &from, out, &to, (size_t)most, 0), 0);
    CHECK(ftruncate(in, 4096) == 0);
    from = to = 0;
    CHECK_EQ(range(in, &from, out, &to, SIZE_MAX, 0), 4096);
    CHECK_ERRNO(range(in, &from, out, &to, SIZE_MAX, 0), EOVERFLOW);
    from = 0, to = 4096;
    CHECK_EQ(range(in, &from, in, &to, 8192, 0), 4096);
    CHECK_EQ(stat_of("big").st_size, 8192);
    from = 0, to = 4096;
    CHECK_ERRNO(range(in, &from, in, &to, 8192, 0), EINVAL);
    close(in), close(out);
}

TEST(errors_of_ranges)
{
    off_t from = 0, to = 2;
    int in = open("r", O_RDWR), app = open("r2", O_WRONLY | O_APPEND), d = open(".", O_RDONLY),
        p[2];
    int ro = open("r", O_RDONLY);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(range(in, &from, in, &to, 4, 0), EINVAL);
    CHECK_ERRNO(range(in, NULL, app, NULL, 1, 0), EBADF);
    CHECK_ERRNO(range(in, NULL, ro, NULL, 1, 0), EBADF);
    CHECK_ERRNO(range(in, NULL, d, NULL, 1, 0), EISDIR);
    CHECK_ERRNO(range(in, NULL, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERRNO(range(in, NULL, in, NULL, 1, 1), EINVAL);
    CHECK_ERRNO(range(-1, NULL, in, NULL, 1, 0), EBADF);
    close(in), close(app), close(d), close(ro), close(p[0]), close(p[1]);
}

FILES_MAIN
