/* SPDX-License-Identifier: Apache-2.0 */
/* covers: rt_sigpending */
#include <pthread.h>
#include <sched.h>

#include "tests/guest/child.h"

static volatile sig_atomic_t count;

static void counts(int sig)
{
    (void)sig;
    count++;
}

static long raw(int how, void *set, void *old, size_t size)
{
    return syscall(SYS_rt_sigprocmask, how, set, old, size);
}

TEST(arguments_are_checked)
{
    unsigned long set = 0;

    CHECK_ERRNO(raw(SIG_BLOCK, &set, NULL, 4), EINVAL);
    CHECK_ERRNO(raw(17, &set, NULL, 8), EINVAL);
    CHECK_EQ(raw(17, NULL, &set, 8), 0); /* without a set it does not matter */
    CHECK_ERRNO(raw(SIG_BLOCK, (void *)8, NULL, 8), EFAULT);
    CHECK_ERRNO(raw(SIG_BLOCK, NULL, (void *)8, 8), EFAULT);
}

TEST(kill_and_stop_cannot_be_blocked)
{
    unsigned long all = ~0ul, now = 0, old;

    CHECK_EQ(raw(SIG_SETMASK, &all, &old, 8), 0);
    CHECK_EQ(raw(SIG_SETMASK, &old, &now, 8), 0);
    CHECK_EQ(now, ~0ul & ~(1ul << (SIGKILL - 1)) & ~(1ul << (SIGSTOP - 1)));
}

TEST(blocked_signals_wait)
{
    sigset_t set, pending;

    signal(SIGUSR1, counts);
    count = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(count, 0);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK(sigismember(&pending, SIGUSR1));
    CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    CHECK_EQ(count, 1); /* of the old signals one is kept */
}

TEST(real_time_signals_queue)
{
    sigset_t set;
    int rt = SIGRTMIN + 1;

    signal(rt, counts);
    count = 0;
    sigemptyset(&set);
    sigaddset(&set, rt);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 5; i++)
        raise(rt);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    CHECK_EQ(count, 5);
}

TEST(a_fork_has_the_mask_and_nothing_pending)
{
    sigset_t set, now, pending;
    int status;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_BLOCK, NULL, &now);
        sigpending(&pending);
        _exit(sigismember(&now, SIGUSR1) && !sigismember(&pending, SIGUSR1) ? 0 : 1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void *unblocks(void *arg)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (!count)
        sched_yield();
    return arg;
}

TEST(a_thread_that_lets_it_through_takes_it)
{
    pthread_t thread;
    sigset_t set;

    count = 0;
    signal(SIGUSR1, counts);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CHECK_EQ(pthread_create(&thread, NULL, unblocks, NULL), 0);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(count, 1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

MAIN
