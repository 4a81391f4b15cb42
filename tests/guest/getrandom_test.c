/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/random.h>

#include "tests/guest/child.h"

TEST(it_fills)
{
    unsigned char a[256] = { 0 }, b[256] = { 0 };

    CHECK_EQ(getrandom(a, sizeof a, 0), sizeof a);
    CHECK_EQ(getrandom(b, sizeof b, GRND_NONBLOCK), sizeof b);
    CHECK(memcmp(a, b, sizeof a) != 0);
    CHECK_EQ(getrandom(a, 0, 0), 0);
    CHECK_EQ(getrandom(b, sizeof b, GRND_RANDOM), sizeof b);
    CHECK_EQ(getrandom(b, sizeof b, GRND_INSECURE), sizeof b);
}

TEST(large_ones_are_whole)
{
    size_t size = 1 << 20;
    char *p = calloc(1, size);

    CHECK_EQ(getrandom(p, size, 0), size);
    size_t zeros = 0;
    for (size_t i = 0; i < size; i++)
        zeros += p[i] == 0;
    CHECK(zeros > 3000 && zeros < 5500);
    free(p);
}

TEST(arguments_are_checked)
{
    char c;

    CHECK_ERRNO(getrandom(&c, 1, 8), EINVAL);
    CHECK_ERRNO(getrandom(&c, 1, GRND_RANDOM | GRND_INSECURE), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrandom, 8, 1, 0), EFAULT);
}

TEST(a_child_draws_others)
{
    int p[2];
    uint64_t mine, other;

    CHECK(pipe(p) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(getrandom(&other, sizeof other, 0), sizeof other);
        _exit(write(p[1], &other, sizeof other) != sizeof other);
    }
    CHECK_EQ(getrandom(&mine, sizeof mine, 0), sizeof mine);
    CHECK_EQ(read(p[0], &other, sizeof other), sizeof other);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(mine != other);
    close(p[0]), close(p[1]);
}

MAIN
