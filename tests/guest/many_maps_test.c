/* SPDX-License-Identifier: Apache-2.0 */
/* More ranges than a host process could have mappings, were they all its own. */
#include <sys/wait.h>

#include "faults.h"

#define PAGES ((size_t)60000)

/* Every other page is read-only: as many ranges as pages. */
static char *stripes(void)
{
    char *p = anon(PAGES * PAGE, RW);

    for (size_t i = 0; i < PAGES; i += 2) {
        if (mprotect(p + i * PAGE, PAGE, PROT_READ))
            return NULL;
    }
    return p;
}

TEST(all_of_them_work)
{
    char *p = stripes();

    CHECK(p);
    for (size_t i = 1; i < PAGES; i += 2)
        p[i * PAGE] = (char)i;
    for (size_t i = 0; i < PAGES; i++)
        CHECK(p[i * PAGE] == (i & 1 ? (char)i : 0));
    CHECK_EQ(writing(p + 20000 * PAGE), SIGSEGV);
    CHECK_EQ(writing(p + 20001 * PAGE), 0);
    CHECK(munmap(p, PAGES * PAGE) == 0);
}

TEST(there_is_an_end)
{
    char *p = anon(70000 * PAGE, PROT_NONE);
    size_t i;

    for (i = 0; i < 70000; i += 2) {
        if (mprotect(p + i * PAGE, PAGE, PROT_READ)) {
            CHECK_EQ(errno, ENOMEM);
            break;
        }
    }
    CHECK(i > 60000 && i < 66000);
    CHECK(munmap(p, 70000 * PAGE) == 0);
}

TEST(a_child_of_many_ranges)
{
    char *p = stripes();
    int status;

    CHECK(p);
    p[1001 * PAGE] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        p[1003 * PAGE] = 2;
        _exit(p[1001 * PAGE] == 1 && writing(p + 1002 * PAGE) == SIGSEGV ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
    CHECK(p[1003 * PAGE] == 0);
    CHECK(munmap(p, PAGES * PAGE) == 0);
}

MAIN
