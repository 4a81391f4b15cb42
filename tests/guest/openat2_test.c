/* SPDX-License-Identifier: Apache-2.0 */
/* openat2(2) */
#include <linux/openat2.h>

#include "files.h"

static long openat2_(int dirfd, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = { flags, mode, resolve };

    return syscall(SYS_openat2, dirfd, name, &how, sizeof how);
}

/* Opens and closes: 0 or -1 with errno. */
static int try_open(int dirfd, const char *name, uint64_t flags, uint64_t resolve)
{
    long fd = openat2_(dirfd, name, flags, 0, resolve);

    return fd < 0 ? -1 : close((int)fd);
}

TEST(what_open_ignores_is_refused)
{
    put("f", "");
    CHECK_ERRNO(openat2_(AT_FDCWD, "f", 1ull << 40, 0, 0), EINVAL);
    CHECK_ERRNO(openat2_(AT_FDCWD, "f", O_RDONLY, 0600, 0), EINVAL);
    CHECK_ERRNO(openat2_(AT_FDCWD, "n", O_CREAT, 010000, 0), EINVAL);
    CHECK_ERRNO(openat2_(AT_FDCWD, "f", O_PATH | O_RDWR, 0, 0), EINVAL);
    CHECK_ERRNO(openat2_(AT_FDCWD, "f", O_RDONLY, 0, 1 << 20), EINVAL);
    CHECK_ERRNO(openat2_(AT_FDCWD, "f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
    CHECK(openat2_(AT_FDCWD, "n", O_CREAT | O_RDWR, 0600, 0) >= 0);
}

TEST(the_size_says_what_the_caller_knows)
{
    struct {
        struct open_how how;
        char more[16];
    } big = {
        {O_RDONLY, 0, 0},
        ""
    };
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 5000), E2BIG);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", NOWHERE, sizeof(struct open_how)), EFAULT);
    CHECK(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof big) >= 0);
    big.more[3] = 1;
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof big), E2BIG);
}

TEST(walks_can_be_confined)
{
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    put("d/in", "");
    put("out", "");
    if (symlink("../out", "d/up") || symlink("/in", "d/abs") || symlink("in", "d/rel")) {
    }
    int d = open("d", O_RDONLY | O_DIRECTORY);
    CHECK(try_open(d, "in", 0, RESOLVE_BENEATH) == 0);
    CHECK(try_open(d, "e/../in", 0, RESOLVE_BENEATH) == 0);
    CHECK(try_open(d, "rel", 0, RESOLVE_BENEATH) == 0);
    CHECK_ERRNO(try_open(d, "..", 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(try_open(d, "up", 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(try_open(d, "abs", 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(try_open(d, "/in", 0, RESOLVE_BENEATH), EXDEV);
    CHECK(try_open(d, "/in", 0, RESOLVE_IN_ROOT) == 0);
    CHECK(try_open(d, "abs", 0, RESOLVE_IN_ROOT) == 0);
    CHECK(try_open(d, "../../in", 0, RESOLVE_IN_ROOT) == 0);
    CHECK_ERRNO(try_open(d, "up", 0, RESOLVE_IN_ROOT), ENOENT);
    CHECK_ERRNO(try_open(d, "rel", 0, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK(try_open(d, "rel", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS) == 0);
    CHECK_ERRNO(try_open(AT_FDCWD, "/proc/self/exe", 0, RESOLVE_NO_MAGICLINKS), ELOOP);
    CHECK_ERRNO(try_open(AT_FDCWD, "/proc/self/status", 0, RESOLVE_NO_XDEV), EXDEV);
    close(d);
}

FILES_MAIN
