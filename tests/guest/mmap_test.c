/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2) */
#include <fcntl.h>
#include <sys/wait.h>

#include "faults.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

TEST(anonymous_memory_is_zero_and_keeps_what_is_written)
{
    size_t size = 3 << 20;
    char *p = anon(size, RW);

    for (size_t i = 0; i < size; i += 509)
        CHECK(p[i] == 0);
    for (size_t i = 0; i < size; i += PAGE)
        p[i] = (char)(i / PAGE);
    for (size_t i = 0; i < size; i += PAGE)
        CHECK(p[i] == (char)(i / PAGE));
    CHECK(munmap(p, size) == 0);
}

TEST(every_right_is_what_was_asked)
{
    char *none = anon(PAGE, PROT_NONE), *r = anon(PAGE, PROT_READ);

    CHECK_EQ(reading(none), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_ACCERR);
    CHECK(fault_addr == none);
    CHECK_EQ(reading(r), 0);
    CHECK_EQ(writing(r), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_ACCERR);
    CHECK(fault_addr == r);
    CHECK_EQ(storing(r + 7), SIGSEGV);
    CHECK(fault_addr == r + 7);
    munmap(none, PAGE);
    munmap(r, PAGE);
    CHECK_EQ(reading(r), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_MAPERR);
}

TEST(code_runs_where_it_may)
{
    static const unsigned char ret42[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov $42,%eax; ret */
    char *p = anon(PAGE, RW);

    memcpy(p, ret42, sizeof ret42);
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
    int (*f)(void);
    memcpy(&f, &p, sizeof f);
    CHECK_EQ(f(), 42);
    munmap(p, PAGE);
}

TEST(a_hint_is_taken_where_there_is_room)
{
    char *p = anon(16 * PAGE, RW);

    CHECK(munmap(p + 4 * PAGE, 4 * PAGE) == 0);
    char *q = mmap(p + 5 * PAGE, PAGE, RW, ANON, -1, 0);
    CHECK(q == p + 5 * PAGE);
    q = mmap(p + PAGE, PAGE, RW, ANON, -1, 0);
    CHECK(q != MAP_FAILED && q != p + PAGE);
    munmap(q, PAGE);
    munmap(p, 16 * PAGE);
}

TEST(a_fixed_mapping_replaces)
{
    char *p = anon(8 * PAGE, RW);

    memset(p, 1, 8 * PAGE);
    CHECK(mmap(p + 2 * PAGE, 2 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE);
    CHECK(p[2 * PAGE - 1] == 1 && p[2 * PAGE] == 0 && p[4 * PAGE - 1] == 0 && p[4 * PAGE] == 1);
    CHECK_EQ(writing(p + 2 * PAGE), SIGSEGV);
    CHECK_ERRNO((long)mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    munmap(p, PAGE);
    CHECK(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p);
    munmap(p, 8 * PAGE);
}

TEST(bad_arguments)
{
    int fd = file_of_pages(1), ro = open("/proc/self/exe", O_RDONLY), p[2];

    CHECK_ERRNO((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO((long)mmap((void *)0x10001, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERRNO((long)mmap(NULL, (size_t)-1, RW, ANON, -1, 0), ENOMEM);
    CHECK_ERRNO((long)mmap(NULL, (size_t)1 << 47, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 1), EINVAL);
    CHECK_ERRNO((long)mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, (off_t)0x7ffffffffffff000),
                EOVERFLOW);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, 987, 0), EBADF);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
    int wo = open("/tmp/guest_mmap_wo", O_WRONLY | O_CREAT, 0600);
    unlink("/tmp/guest_mmap_wo");
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0),
                EINVAL);
    int path = open("/tmp", O_PATH);
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
    int dir = open("/tmp", O_RDONLY);
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    int fds[] = { fd, ro, p[0], p[1], wo, path, dir };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        close(fds[i]);
}

TEST(low_addresses_are_for_the_privileged)
{
    FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "r");
    long lowest = 0;
    CHECK(f && fscanf(f, "%ld", &lowest) == 1);
    fclose(f);
    if (geteuid() != 0 && lowest > (long)PAGE)
        CHECK_ERRNO((long)mmap((void *)PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), EPERM);
    /* As a hint it is moved up. */
    char *p = mmap((void *)PAGE, PAGE, RW, ANON, -1, 0);
    CHECK(p != MAP_FAILED);
    munmap(p, PAGE);
}

TEST(the_low_32_bits)
{
    char *p = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);

    CHECK(p != MAP_FAILED && (uintptr_t)p < (uintptr_t)1 << 31);
    *p = 1;
    munmap(p, PAGE);
}

TEST(a_private_file_mapping_shows_the_file_and_does_not_change_it)
{
    int fd = file_of_pages(30);
    char *p = mmap(NULL, 30 * PAGE, RW, MAP_PRIVATE, fd, 0), c;

    CHECK(p != MAP_FAILED);
    for (int i = 0; i < 30; i++)
        CHECK(p[(size_t)i * PAGE + 5] == 'a' + i);
    for (int i = 0; i < 30; i += 3)
        p[(size_t)i * PAGE] = '!';
    for (int i = 0; i < 30; i++) {
        CHECK(p[(size_t)i * PAGE] == (i % 3 ? 'a' + i : '!'));
        CHECK(p[(size_t)i * PAGE + 1] == 'a' + i);
        CHECK(pread(fd, &c, 1, i * (off_t)PAGE) == 1 && c == 'a' + i);
    }
    munmap(p, 30 * PAGE);
    close(fd);
}

TEST(a_shared_file_mapping_is_the_file)
{
    int fd = file_of_pages(4);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0), c;
    char *q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);

    CHECK(p != MAP_FAILED && q != MAP_FAILED);
    p[3 * PAGE + 9] = '?';
    CHECK(q[PAGE + 9] == '?');
    CHECK(pread(fd, &c, 1, 3 * (off_t)PAGE + 9) == 1 && c == '?');
    CHECK(pwrite(fd, "#", 1, 2 * (off_t)PAGE) == 1);
    CHECK(p[2 * PAGE] == '#' && q[0] == '#');
    munmap(p, 4 * PAGE);
    munmap(q, 2 * PAGE);
    close(fd);
}

TEST(the_descriptor_may_be_closed)
{
    int fd = file_of_pages(2);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);

    close(fd);
    CHECK(p[PAGE] == 'b');
    p[PAGE] = 'x';
    CHECK(p[PAGE] == 'x');
    munmap(p, 2 * PAGE);
}

TEST(the_last_page_ends_in_zeroes_and_behind_it_is_a_bus_error)
{
    int fd = file_of_pages(2);
    CHECK(ftruncate(fd, PAGE + 100) == 0);
    for (int shared = 0; shared < 2; shared++) {
        char *p = mmap(NULL, 4 * PAGE, RW, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
        CHECK(p != MAP_FAILED);
        CHECK(p[PAGE + 99] == 'b' && p[PAGE + 100] == 0 && p[2 * PAGE - 1] == 0);
        CHECK_EQ(reading(p + 2 * PAGE), SIGBUS);
        CHECK_EQ(fault_code, BUS_ADRERR);
        CHECK(fault_addr == p + 2 * PAGE);
        CHECK_EQ(storing(p + 3 * PAGE + 3), SIGBUS);
        munmap(p, 4 * PAGE);
    }
    close(fd);
}

TEST(a_file_that_grows_can_be_touched_further)
{
    int fd = file_of_pages(1);
    char *p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);

    CHECK_EQ(reading(p + PAGE), SIGBUS);
    CHECK(ftruncate(fd, 3 * PAGE) == 0);
    CHECK_EQ(reading(p + PAGE), 0);
    p[2 * PAGE] = 'z';
    char c;
    CHECK(pread(fd, &c, 1, 2 * PAGE) == 1 && c == 'z');
    munmap(p, 3 * PAGE);
    close(fd);
}

TEST(truncation_takes_pages_away)
{
    int fd = file_of_pages(4);
    char *s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

    p[0] = 'P';
    p[3 * PAGE] = 'P';
    CHECK(ftruncate(fd, PAGE) == 0);
    CHECK_EQ(reading(s + PAGE), SIGBUS);
    CHECK_EQ(reading(p + 3 * PAGE), SIGBUS);
    CHECK(p[0] == 'P' && s[0] == 'a');
    CHECK(ftruncate(fd, 4 * PAGE) == 0);
    CHECK(s[PAGE] == 0 && p[3 * PAGE] == 0);
    munmap(s, 4 * PAGE);
    munmap(p, 4 * PAGE);
    close(fd);
}

TEST(a_fork_has_copies_and_shares_what_is_shared)
{
    size_t size = 40 * PAGE;
    char *p = anon(size, RW);
    char *s = mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    memset(p, 'p', size);
    memset(s, 's', size);
    pid_t pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < size; i += PAGE) {
            if (p[i] != 'p' || s[i] != 's')
                _exit(1);
            p[i] = 'c';
            s[i] = 'c';
        }
        _exit(p[PAGE] == 'c' && p[PAGE + 1] == 'p' ? 0 : 2);
    }
    for (size_t i = 1; i < size; i += PAGE)
        p[i] = 'x';
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    for (size_t i = 0; i < size; i += PAGE)
        CHECK(p[i] == 'p' && p[i + 1] == 'x' && s[i] == 'c' && s[i + 1] == 's');
    munmap(p, size);
    munmap(s, size);
}

TEST(grandchildren_have_copies_of_copies)
{
    char *p = anon(4 * PAGE, RW);
    int status;

    p[0] = 1;
    if (fork() == 0) {
        p[0] = 2;
        if (fork() == 0) {
            p[PAGE] = 3;
            _exit(p[0] == 2 ? 0 : 1);
        }
        wait(&status);
        _exit(status == 0 && p[0] == 2 && p[PAGE] == 0 ? 0 : 1);
    }
    wait(&status);
    CHECK_EQ(status, 0);
    CHECK(p[0] == 1 && p[PAGE] == 0);
    munmap(p, 4 * PAGE);
}

TEST(much_may_be_reserved_and_little_used)
{
    size_t size = (size_t)1 << 40;
    char *p = mmap(NULL, size, RW, ANON | MAP_NORESERVE, -1, 0);

    CHECK(p != MAP_FAILED);
    for (size_t at = 0; at < size; at += size / 16)
        p[at] = 1;
    for (size_t at = 0; at < size; at += size / 16)
        CHECK(p[at] == 1 && p[at + 1] == 0);
    CHECK(munmap(p, size) == 0);
}

TEST(much_may_be_reserved_to_be_shared)
{
    size_t size = (size_t)1 << 40;
    char *p = mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int status;

    CHECK(p != MAP_FAILED);
    p[0] = 1;
    pid_t child = fork();
    if (child == 0) {
        p[size - 1] = 2;
        _exit(p[0] == 1 && p[size / 2] == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(munmap(p, size - PAGE) == 0);
    CHECK(p[size - 1] == 2 && p[size - PAGE] == 0);
    CHECK(munmap(p + size - PAGE, PAGE) == 0);
}

TEST(populated_memory_is_there)
{
    unsigned char vec[16];
    char *p = mmap(NULL, 16 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);

    CHECK(p != MAP_FAILED && mincore(p, 16 * PAGE, vec) == 0);
    for (int i = 0; i < 16; i++)
        CHECK(vec[i] & 1);
    munmap(p, 16 * PAGE);
}

TEST(memory_that_grows_down_grows)
{
    char *p = mmap(NULL, 600 * PAGE, PROT_NONE, ANON, -1, 0);

    CHECK(p != MAP_FAILED && munmap(p, 600 * PAGE) == 0);
    char *s = mmap(p + 590 * PAGE, 10 * PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    CHECK(s == p + 590 * PAGE);
    CHECK_EQ(writing(s), 0);
    CHECK_EQ(writing(s - 1), 0);
    CHECK_EQ(writing(s - 3 * PAGE), 0);
    munmap(p, 600 * PAGE);
}

TEST(a_read_goes_as_far_as_memory_does)
{
    char *p = anon(2 * PAGE, RW);
    int fd = file_of_pages(2);

    munmap(p + PAGE, PAGE);
    CHECK_EQ(pread(fd, p + PAGE - 10, 20, 0), 10);
    CHECK_ERRNO(pread(fd, p + PAGE, 1, 0), EFAULT);
    CHECK(mprotect(p, PAGE, PROT_READ) == 0);
    CHECK_ERRNO(pread(fd, p, 1, 0), EFAULT);
    CHECK_EQ(pwrite(fd, p, 1, 0), 1);
    munmap(p, PAGE);
    close(fd);
}

MAIN
