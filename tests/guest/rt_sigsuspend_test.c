/* SPDX-License-Identifier: Apache-2.0 */
/* covers: pause */
#include <sys/syscall.h>

#include "tests/guest/asleep.h"

static volatile int count;

static void counts(int sig)
{
    (void)sig;
    count++;
}

TEST(waits_with_another_mask)
{
    sigset_t set, none, now;

    signal(SIGUSR1, counts);
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    count = 0;
    CHECK_ERRNO(sigsuspend(&none), EINTR);
    CHECK_EQ(count, 1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGUSR1)); /* the old mask is back */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

TEST(arguments_are_checked)
{
    unsigned long set = 0;

    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &set, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, 8L, 8), EFAULT);
}

static int suspends(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigsuspend(&none);
    return 0;
}

TEST(death_ends_it)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(suspends());
    until_asleep(pid, pid);
    kill(pid, SIGTERM);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

TEST(pause_returns_after_a_handler)
{
    signal(SIGUSR1, counts);
    count = 0;
    pid_t pid = signal_when_asleep(SIGUSR1);
    CHECK_ERRNO(pause(), EINTR);
    CHECK_EQ(count, 1);
    CHECK(has_signalled(pid));
}

MAIN
