/* SPDX-License-Identifier: Apache-2.0 */
/* covers: process_vm_readv, process_vm_writev */
/* process_vm_readv(2), process_vm_writev(2). */
#include "tests/guest/lib.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char area[8192];

/* A child with its own copy of `area`, which waits to be killed. */
static pid_t child_with(const char *text)
{
    strcpy(area, text);
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    strcpy(area, "parent");
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

TEST(reads_another_process)
{
    pid_t pid = child_with("the child's own");
    char a[4], b[32] = { 0 };
    struct iovec local[] = {
        {a,  sizeof a},
        { b, sizeof b}
    };
    struct iovec remote = { area, 16 };

    CHECK_EQ(process_vm_readv(pid, local, 2, &remote, 1, 0), 16);
    CHECK(memcmp(a, "the ", 4) == 0);
    CHECK(strcmp(b, "child's own") == 0);
    end(pid);
}

TEST(writes_another_process)
{
    pid_t pid = child_with("before");
    char back[16] = { 0 };
    struct iovec local = { (char *)"after", 6 }, remote = { area, 6 };

    CHECK_EQ(process_vm_writev(pid, &local, 1, &remote, 1, 0), 6);
    local = (struct iovec){ back, 6 };
    CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 6);
    CHECK(strcmp(back, "after") == 0);
    CHECK(strcmp(area, "parent") == 0);
    end(pid);
}

TEST(a_fault_cuts_short)
{
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char into[8192];

    munmap(two + 4096, 4096);
    struct iovec local = { into, 8192 }, remote = { two, 8192 };
    CHECK_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 4096);
    remote = (struct iovec){ two + 4096, 4096 };
    CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EFAULT);
}

TEST(refuses_what_it_must)
{
    struct iovec v = { area, 1 };

    CHECK_ERRNO(process_vm_readv(getpid(), &v, 1, &v, 1, 1), EINVAL);
    CHECK_ERRNO(process_vm_readv(getpid(), &v, 1025, &v, 1, 0), EINVAL);
    CHECK_ERRNO(process_vm_readv(0x3fffff, &v, 1, &v, 1, 0), ESRCH);
    CHECK_EQ(process_vm_readv(getpid(), &v, 0, &v, 1, 0), 0);
}

MAIN
