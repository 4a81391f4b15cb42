/* SPDX-License-Identifier: Apache-2.0 */
/* covers: process_madvise, inotify_init, llistxattr, lremovexattr */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "tests/guest/child.h"

TEST(advice_by_pidfd)
{
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec iov[2] = {
        {p,         4096},
        { p + 4096, 4096}
    };
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0), null = open("/dev/null", O_RDONLY);

    CHECK(p != MAP_FAILED && fd >= 0 && null >= 0);
    CHECK_EQ(syscall(SYS_process_madvise, fd, iov, 2, MADV_WILLNEED, 0), 8192);
    CHECK_EQ(syscall(SYS_process_madvise, fd, iov, 0, MADV_WILLNEED, 0), 0);
    CHECK_ERRNO(syscall(SYS_process_madvise, fd, iov, 2, MADV_WILLNEED, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_process_madvise, fd, iov, 2, 9999, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_process_madvise, fd, iov, 1025, MADV_WILLNEED, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_process_madvise, fd, 8, 2, MADV_WILLNEED, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_process_madvise, -1, iov, 2, MADV_WILLNEED, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_process_madvise, null, iov, 2, MADV_WILLNEED, 0), EBADF);
    munmap(p, 8192), close(fd), close(null);
}

TEST(the_first_inotify)
{
    int fd = (int)syscall(SYS_inotify_init);

    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDONLY);
    close(fd);
}

TEST(attributes_of_a_symlink)
{
    char dir[] = "/tmp/xattr.XXXXXX", path[64], list[256];

    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/link", dir);
    CHECK_EQ(symlink("nowhere", path), 0);
    CHECK_ERRNO(syscall(SYS_listxattr, path, list, sizeof list), ENOENT);
    CHECK_EQ(syscall(SYS_llistxattr, path, list, sizeof list), 0);
    CHECK_ERRNO(syscall(SYS_lremovexattr, path, "user.a"), EPERM);
    CHECK_ERRNO(syscall(SYS_lremovexattr, path, ""), ERANGE);
    CHECK_ERRNO(syscall(SYS_llistxattr, dir + 5, list, sizeof list), ENOENT);
    CHECK_ERRNO(syscall(SYS_llistxattr, 8, list, sizeof list), EFAULT);
    unlink(path), rmdir(dir);
}

MAIN
