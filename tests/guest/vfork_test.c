/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/guest/child.h"

static volatile int touched;

/* vfork() in C needs care: the child shares the stack, so it only calls _exit. */
TEST(the_parent_waits_for_exit)
{
    int status;
    pid_t pid;

    touched = 0;
    pid = vfork();
    if (pid == 0) {
        struct timespec ts = { 0, 30000000 };
        nanosleep(&ts, NULL);
        touched = 1;
        _exit(3);
    }
    CHECK_EQ(touched, 1); /* the memory is one, and the child was first */
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

TEST(the_parent_waits_for_exec)
{
    char *argv[] = { "true", NULL };
    int status;
    pid_t pid = vfork();

    if (pid == 0) {
        execve("/bin/true", argv, argv + 1);
        _exit(127);
    }
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

TEST(a_killed_child_lets_the_parent_go)
{
    int status;
    pid_t pid = vfork();

    if (pid == 0) {
        kill(getpid(), SIGKILL);
        _exit(1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

MAIN
