/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2) and the seals of fcntl(2). */
#include <sys/mman.h>

#include "files.h"

TEST(a_file_without_a_name)
{
    char text[64], proc[64];
    struct stat st;
    int fd = memfd_create("mine", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(fstat(fd, &st) == 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0777);
    CHECK_EQ(st.st_size, 0);
    CHECK_EQ(write(fd, "text", 4), 4);
    CHECK_EQ(pread(fd, text, sizeof text, 0), 4);
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(proc, text, sizeof text);
    CHECK(n == 21 && memcmp(text, "/memfd:mine (deleted)", 21) == 0);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    close(fd);
}

TEST(seals)
{
    int fd = memfd_create("s", MFD_ALLOW_SEALING);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
    CHECK(ftruncate(fd, 4096) == 0);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(p, 4096);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    CHECK_ERRNO(ftruncate(fd, 1), EPERM);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE) == 0);
    CHECK_ERRNO(ftruncate(fd, 8192), EPERM);
    CHECK_ERRNO(write(fd, "x", 1), EPERM);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
          errno == EPERM);
    p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK(mprotect(p, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
    munmap(p, 4096);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    p[0] = 1;
    munmap(p, 4096);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
    close(fd);
}

TEST(whether_it_runs_is_sealed)
{
    int fd = memfd_create("s", 8 /* MFD_NOEXEC_SEAL */);
    struct stat st;
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0x20 /* F_SEAL_EXEC */);
    CHECK_ERRNO(fchmod(fd, 0777), EPERM);
    CHECK(fchmod(fd, 0600) == 0);
    CHECK(fstat(fd, &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0600);
    close(fd);
}

TEST(errors)
{
    int p[2];
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(memfd_create("x", 0x100), EINVAL);
    CHECK_ERRNO(memfd_create(long_name(250), 0), EINVAL);
    CHECK_ERRNO(memfd_create(NOWHERE, 0), EFAULT);
    CHECK_ERRNO(fcntl(p[0], F_GET_SEALS), EINVAL);
    int fd = memfd_create(long_name(249), MFD_ALLOW_SEALING);
    CHECK(fd >= 0);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
    close(fd), close(p[0]), close(p[1]);
}

FILES_MAIN
