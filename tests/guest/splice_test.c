/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice(2), tee(2), vmsplice(2)
 *
 * covers: splice, tee, vmsplice
 */
#include "files.h"

TEST(from_a_file_into_a_pipe_and_out_again)
{
    char buf[16] = "";
    int p[2], in, out = open("out", O_CREAT | O_RDWR, 0600);
    loff_t off = 2;
    put("in", "0123456789");
    in = open("in", O_RDONLY);
    CHECK(pipe(p) == 0);
    CHECK_EQ(splice(in, NULL, p[1], NULL, 4, 0), 4);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 4);
    CHECK_EQ(splice(in, &off, p[1], NULL, 3, 0), 3);
    CHECK_EQ(off, 5);
    CHECK_EQ(splice(p[0], NULL, out, NULL, 100, 0), 7);
    CHECK(has("out", "0123234"));
    CHECK_EQ(splice(in, NULL, p[1], NULL, 100, 0), 6);
    CHECK_EQ(splice(in, NULL, p[1], NULL, 100, 0), 0);
    off = 1;
    CHECK_EQ(splice(p[0], NULL, out, &off, 2, 0), 2);
    CHECK(has("out", "0453234"));
    CHECK_EQ(read(p[0], buf, sizeof buf), 4);
    CHECK_ERRNO(splice(p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    close(in), close(out), close(p[0]), close(p[1]);
}

TEST(from_pipe_to_pipe)
{
    char buf[8] = "";
    int a[2], b[2];
    CHECK(pipe(a) == 0 && pipe(b) == 0);
    CHECK_EQ(write(a[1], "abcdef", 6), 6);
    CHECK_EQ(tee(a[0], b[1], 4, 0), 4);
    CHECK_EQ(read(b[0], buf, 8), 4);
    CHECK(memcmp(buf, "abcd", 4) == 0);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 5, 0), 5);
    CHECK_EQ(read(b[0], buf, 8), 5);
    CHECK_EQ(read(a[0], buf, 8), 1);
    CHECK_EQ(buf[0], 'f');
    CHECK_ERRNO(tee(a[0], b[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
    close(a[1]);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 5, 0), 0);
    close(a[0]), close(b[0]), close(b[1]);
}

TEST(memory_goes_into_pipes)
{
    char buf[8] = "";
    struct iovec out[2] = { { "ab", 2 }, { "cde", 3 } }, in = { buf, 8 };
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK_EQ(vmsplice(p[1], out, 2, 0), 5);
    CHECK_EQ(vmsplice(p[0], &in, 1, 0), 5);
    CHECK(memcmp(buf, "abcde", 5) == 0);
    close(p[0]), close(p[1]);
}

TEST(errors)
{
    int p[2], q[2], f = open("in", O_RDWR), app = open("in", O_WRONLY | O_APPEND);
    loff_t off = 0;
    struct iovec io = { "x", 1 };
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_ERRNO(splice(f, NULL, f, NULL, 1, 0), EINVAL);
    CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERRNO(splice(p[0], &off, f, NULL, 1, 0), ESPIPE);
    CHECK_ERRNO(splice(p[0], NULL, q[1], &off, 1, 0), ESPIPE);
    CHECK_ERRNO(splice(p[0], NULL, app, NULL, 1, 0), EINVAL);
    CHECK_ERRNO(splice(p[1], NULL, f, NULL, 1, 0), EBADF);
    CHECK_ERRNO(splice(-1, NULL, f, NULL, 1, 0), EBADF);
    CHECK_ERRNO(splice(p[0], NULL, f, NULL, 1, 0x100), EINVAL);
    CHECK_ERRNO(tee(f, q[1], 1, 0), EINVAL);
    CHECK_ERRNO(tee(p[0], p[1], 1, 0), EINVAL);
    CHECK_ERRNO(tee(-1, p[1], 1, 0), EBADF);
    CHECK_ERRNO(vmsplice(f, &io, 1, 0), EBADF);
    CHECK_EQ(vmsplice(f, &io, 0, 0), 0);
    CHECK_ERRNO(vmsplice(p[1], NOWHERE, 1, 0), EFAULT);
    CHECK_EQ(splice(p[0], NULL, f, NULL, 0, 0), 0);
    signal(SIGPIPE, SIG_IGN);
    close(q[0]);
    CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 1, 0), EPIPE);
    close(p[0]), close(p[1]), close(q[1]), close(f), close(app);
}

FILES_MAIN
