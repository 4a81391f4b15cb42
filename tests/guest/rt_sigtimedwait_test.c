/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/syscall.h>

#include "tests/guest/asleep.h"

static sigset_t block(int sig)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

TEST(a_pending_one_is_taken)
{
    sigset_t set = block(SIGUSR1), pending;
    siginfo_t si;

    raise(SIGUSR1);
    CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR1);
    CHECK_EQ(si.si_signo, SIGUSR1);
    CHECK_EQ(si.si_pid, getpid());
    sigpending(&pending);
    CHECK(!sigismember(&pending, SIGUSR1));
}

TEST(time_passes)
{
    sigset_t set = block(SIGUSR1);
    struct timespec ts = { 0, 20000000 }, before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec >=
          20000000);
    ts = (struct timespec){ 0, 0 };
    CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EAGAIN);
}

TEST(arguments_are_checked)
{
    sigset_t set = block(SIGUSR1);
    struct timespec ts = { 0, 1000000000 };

    CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EINVAL);
    ts = (struct timespec){ -1, 0 };
    CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 7), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigtimedwait, 8L, NULL, NULL, 8), EFAULT);
}

TEST(one_that_comes_later)
{
    sigset_t set = block(SIGUSR1);
    siginfo_t si;
    pid_t pid = signal_when_asleep(SIGUSR1);

    CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR1);
    CHECK_EQ(si.si_pid, pid);
    CHECK(has_signalled(pid));
}

static void nothing(int sig)
{
    (void)sig;
}

TEST(another_signal_cuts_it_short)
{
    sigset_t set = block(SIGUSR1);
    struct timespec ts = { 30, 0 };

    signal(SIGUSR2, nothing);
    pid_t pid = signal_when_asleep(SIGUSR2);
    CHECK_ERRNO(sigtimedwait(&set, NULL, &ts), EINTR);
    CHECK(has_signalled(pid));
}

MAIN
