/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access(2), faccessat(2), faccessat2(2)
 *
 * covers: access, faccessat, faccessat2
 */
#include "files.h"

static long faccessat2_(int dirfd, const char *name, int mode, int flags)
{
    return syscall(SYS_faccessat2, dirfd, name, mode, flags);
}

TEST(what_is_there)
{
    put("f", "");
    CHECK(access("f", F_OK) == 0);
    CHECK(access("f", R_OK | W_OK) == 0);
    CHECK_ERRNO(access("f", X_OK), EACCES);
    chmod("f", 0700);
    CHECK(access("f", X_OK) == 0);
    CHECK(access(".", R_OK | W_OK | X_OK) == 0);
    CHECK(symlink("none", "dangling") == 0);
    CHECK_ERRNO(access("dangling", F_OK), ENOENT);
    CHECK(faccessat2_(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    int fd = open("f", O_PATH);
    CHECK(faccessat2_(fd, "", R_OK, AT_EMPTY_PATH) == 0);
    close(fd);
}

TEST(errors)
{
    CHECK_ERRNO(access("none", F_OK), ENOENT);
    CHECK_ERRNO(access("", F_OK), ENOENT);
    CHECK_ERRNO(access("f/x", F_OK), ENOTDIR);
    CHECK_ERRNO(access("f", 8), EINVAL);
    CHECK_ERRNO(access(NOWHERE, F_OK), EFAULT);
    CHECK_ERRNO(faccessat(-1, "f", F_OK, 0), EBADF);
    CHECK_ERRNO(faccessat2_(AT_FDCWD, "f", F_OK, 0x8000), EINVAL);
}

/* The real ids count, the effective ones only where that is asked. */
static int real_and_effective(void)
{
    if (geteuid() != 0)
        return 0;
    REQUIRE(setresuid(NOBODY, 0, 0) == 0);
    REQUIRE_ERRNO(access("secret", R_OK), EACCES);
    REQUIRE(faccessat2_(AT_FDCWD, "secret", R_OK, AT_EACCESS) == 0);
    return 0;
}

static int without_rights(void)
{
    REQUIRE(become_nobody() == 0);
    REQUIRE_ERRNO(access("locked/x", F_OK), EACCES);
    REQUIRE_ERRNO(access("ro", W_OK), EACCES);
    REQUIRE(access("ro", R_OK) == 0);
    return 0;
}

TEST(permissions)
{
    put("secret", "");
    chmod("secret", 0600);
    mkdir("locked", 0);
    put("ro", "");
    chmod("ro", 0444);
    CHECK_CHILD(real_and_effective);
    CHECK_CHILD(without_rights);
}

FILES_MAIN
