/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2) */
#include <fcntl.h>
#include <sys/wait.h>

#include "faults.h"
#include "tests/guest/child.h"

TEST(rights_go_and_come_and_bytes_stay)
{
    char *p = anon(6 * PAGE, RW);

    memset(p, 3, 6 * PAGE);
    CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
    CHECK(mprotect(p + 3 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK_EQ(writing(p), 0);
    CHECK_EQ(reading(p + PAGE), 0);
    CHECK_EQ(writing(p + PAGE), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_ACCERR);
    CHECK_EQ(writing(p + 2 * PAGE), 0);
    CHECK_EQ(reading(p + 3 * PAGE), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_ACCERR);
    CHECK_EQ(writing(p + 4 * PAGE), 0);
    CHECK(mprotect(p, 6 * PAGE, RW) == 0);
    for (size_t i = 0; i < 6 * PAGE; i += PAGE)
        CHECK(p[i] == 3 && writing(p + i) == 0);
    munmap(p, 6 * PAGE);
}

TEST(memory_without_rights_may_get_them)
{
    char *p = anon(300 * PAGE, PROT_NONE);

    CHECK(mprotect(p + 10 * PAGE, 200 * PAGE, RW) == 0);
    CHECK_EQ(reading(p + 9 * PAGE), SIGSEGV);
    for (size_t i = 10; i < 210; i++)
        p[i * PAGE] = (char)i;
    for (size_t i = 10; i < 210; i++)
        CHECK(p[i * PAGE] == (char)i);
    CHECK_EQ(reading(p + 210 * PAGE), SIGSEGV);
    munmap(p, 300 * PAGE);
}

TEST(a_hole_is_enomem_and_what_was_before_it_is_done)
{
    char *p = anon(5 * PAGE, RW);

    munmap(p + 2 * PAGE, PAGE);
    CHECK_ERRNO(mprotect(p, 5 * PAGE, PROT_READ), ENOMEM);
    CHECK_EQ(writing(p), SIGSEGV);
    CHECK_EQ(writing(p + 3 * PAGE), 0);
    CHECK_ERRNO(mprotect(p + 2 * PAGE, PAGE, PROT_READ), ENOMEM);
    munmap(p, 5 * PAGE);
}

TEST(bad_arguments)
{
    char *p = anon(PAGE, RW);

    CHECK_ERRNO(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
    CHECK_ERRNO(mprotect(p, PAGE, PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    CHECK_ERRNO(mprotect(p, PAGE, PROT_GROWSDOWN), EINVAL);
    CHECK_ERRNO(mprotect(p, (size_t)-1, PROT_READ), ENOMEM);
    CHECK(mprotect(p, 0, PROT_READ) == 0);
    CHECK_EQ(writing(p), 0);
    munmap(p, PAGE);
}

TEST(a_shared_mapping_of_a_file_open_for_reading_stays_so)
{
    int fd = open("/proc/self/exe", O_RDONLY);
    char *s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

    CHECK_ERRNO(mprotect(s, PAGE, RW), EACCES);
    CHECK(mprotect(p, PAGE, RW) == 0);
    p[0] = 'x';
    CHECK(p[0] == 'x' && p[1] == 'E' && s[0] == 0x7f);
    munmap(s, PAGE);
    munmap(p, PAGE);
    close(fd);
}

TEST(a_shared_page_of_a_fork_gets_its_rights_and_its_own_bytes)
{
    char *p = anon(2 * PAGE, RW);
    int status;

    p[0] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        if (mprotect(p, PAGE, PROT_READ) || mprotect(p, PAGE, RW))
            _exit(1);
        p[0] = 2;
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(p[0] == 1);
    munmap(p, 2 * PAGE);
}

TEST(many_alternating_rights)
{
    size_t n = 2000;
    char *p = anon(n * PAGE, RW);

    for (size_t i = 0; i < n; i += 2)
        CHECK(mprotect(p + i * PAGE, PAGE, PROT_READ) == 0);
    for (size_t i = 1; i < n; i += 2)
        p[i * PAGE] = 1;
    CHECK_EQ(writing(p + 1000 * PAGE), SIGSEGV);
    CHECK(mprotect(p, n * PAGE, RW) == 0);
    for (size_t i = 0; i < n; i++)
        CHECK(p[i * PAGE] == (char)(i & 1));
    munmap(p, n * PAGE);
}

/* As a loader does when it has linked an object: one after the other, and nothing else between. */
TEST(rights_given_up_one_after_the_other)
{
    size_t n = 40;
    char *p = anon(2 * n * PAGE, RW);

    memset(p, 5, 2 * n * PAGE);
    for (size_t i = 0; i < n; i++) {
        char *at = p + 2 * i * PAGE;
        CHECK(mprotect(at, PAGE, i % 5 ? PROT_READ : PROT_NONE) == 0);
        CHECK_EQ(reading(at), i % 5 ? 0 : SIGSEGV);
        CHECK_EQ(writing(at), SIGSEGV);
        CHECK_EQ(fault_code, SEGV_ACCERR);
        CHECK_EQ(writing(at + PAGE), 0);
    }
    for (size_t i = 0; i < n; i++) {
        char *at = p + 2 * i * PAGE;
        CHECK(mprotect(at, PAGE, RW) == 0);
        CHECK(at[0] == 5 && at[PAGE - 1] == 5);
        at[0] = 6;
        CHECK(mprotect(at, PAGE, PROT_READ) == 0);
        CHECK(at[0] == 6);
    }
    CHECK(munmap(p, 2 * n * PAGE) == 0);
    CHECK_EQ(reading(p), SIGSEGV);
    CHECK_EQ(fault_code, SEGV_MAPERR);
}

static char *given_up;

static int child_has_as_few(void)
{
    REQUIRE(given_up[0] == 4 && writing(given_up) == SIGSEGV);
    REQUIRE(mprotect(given_up, PAGE, RW) == 0);
    given_up[0] = 5;
    return 0;
}

TEST(rights_given_up_are_so_for_a_child_whose_bytes_are_its_own)
{
    for (int i = 0; i < 20; i++) {
        given_up = anon(PAGE, RW);
        given_up[0] = 4;
        CHECK(mprotect(given_up, PAGE, PROT_READ) == 0);
        CHECK_CHILD(child_has_as_few);
        CHECK_EQ(writing(given_up), SIGSEGV);
        CHECK(given_up[0] == 4);
        CHECK(munmap(given_up, PAGE) == 0);
    }
}

MAIN
