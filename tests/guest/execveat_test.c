/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tests/guest/child.h"

static char *argv[] = { "true", NULL };

static long at(int fd, const char *path, int flags)
{
    return syscall(SYS_execveat, fd, path, argv, argv + 1, flags);
}

TEST(errors)
{
    int root = open("/", O_PATH | O_DIRECTORY), file = open("/bin/true", O_RDONLY);

    CHECK(root >= 0 && file >= 0);
    CHECK_ERRNO(at(root, "bin/true", 1), EINVAL);
    CHECK_ERRNO(at(-1, "bin/true", 0), EBADF);
    CHECK_ERRNO(at(file, "true", 0), ENOTDIR);
    CHECK_ERRNO(at(file, "", 0), ENOENT);
    CHECK_ERRNO(at(root, "nowhere", 0), ENOENT);
    CHECK_ERRNO(at(root, "", AT_EMPTY_PATH), EACCES);
    CHECK_ERRNO(at(AT_FDCWD, "/nowhere", 0), ENOENT);
    close(root);
    close(file);
}

static int from_a_directory(void)
{
    at(open("/bin", O_PATH | O_DIRECTORY), "true", 0);
    return 1;
}

static int from_a_file(void)
{
    at(open("/bin/true", O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH);
    return 1;
}

static int from_a_path_file(void)
{
    at(open("/bin/true", O_PATH), "", AT_EMPTY_PATH);
    return 1;
}

static int with_a_bad_directory(void)
{
    at(-1, "/bin/true", 0); /* an absolute path needs none */
    return 1;
}

TEST(runs)
{
    CHECK_CHILD(from_a_directory);
    CHECK_CHILD(from_a_file);
    CHECK_CHILD(from_a_path_file);
    CHECK_CHILD(with_a_bad_directory);
}

TEST(links_may_be_refused)
{
    char link[] = "/tmp/execveat_XXXXXX";

    int fd = mkstemp(link); /* for its name */

    CHECK(fd >= 0);
    close(fd);
    unlink(link);
    CHECK_EQ(symlink("/bin/true", link), 0);
    CHECK_ERRNO(at(AT_FDCWD, link, AT_SYMLINK_NOFOLLOW), ELOOP);
    unlink(link);
}

MAIN
