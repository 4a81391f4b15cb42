/* SPDX-License-Identifier: Apache-2.0 */
/* covers: rt_tgsigqueueinfo */
#include <sys/resource.h>

#include "tests/guest/child.h"

static volatile siginfo_t info;
static volatile int values[8], nth;

static void notes(int sig, siginfo_t *si, void *uc)
{
    (void)sig, (void)uc;
    info = *si;
    values[nth++ % 8] = si->si_value.sival_int;
}

static void catch_rt(void)
{
    struct sigaction act = { .sa_sigaction = notes, .sa_flags = SA_SIGINFO };

    sigaction(SIGRTMIN, &act, NULL);
    sigaction(SIGUSR1, &act, NULL);
    nth = 0;
}

TEST(a_value_goes_with_it)
{
    catch_rt();
    CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 42 }), 0);
    CHECK_EQ(info.si_code, SI_QUEUE);
    CHECK_EQ(info.si_value.sival_int, 42);
    CHECK_EQ(info.si_pid, getpid());
}

TEST(they_come_in_order)
{
    sigset_t set;

    catch_rt();
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }), 0);
    /* the handler's own mask holds the next one back until it has returned */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    CHECK_EQ(nth, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(values[i], i);
}

static long raw(pid_t pid, int sig, siginfo_t *si)
{
    return syscall(SYS_rt_sigqueueinfo, pid, sig, si);
}

TEST(nobody_may_pretend_to_be_the_kernel)
{
    siginfo_t si = { .si_code = SI_USER };
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            pause();
    }
    CHECK_ERRNO(raw(pid, SIGUSR1, &si), EPERM);
    si.si_code = SI_TKILL;
    CHECK_ERRNO(raw(pid, SIGUSR1, &si), EPERM);
    si.si_code = SI_KERNEL;
    CHECK_ERRNO(raw(pid, SIGUSR1, &si), EPERM);
    si.si_code = -1;
    CHECK_EQ(raw(pid, 0, &si), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(to_oneself_all_is_fine)
{
    siginfo_t si = { .si_code = SI_USER, .si_signo = 99 };

    catch_rt();
    CHECK_EQ(raw(getpid(), SIGUSR1, &si), 0);
    CHECK_EQ(info.si_signo, SIGUSR1);
}

TEST(arguments_are_checked)
{
    siginfo_t si = { .si_code = SI_QUEUE };

    CHECK_ERRNO(raw(getpid(), 65, &si), EINVAL);
    CHECK_ERRNO(raw(999999, SIGUSR1, &si), ESRCH);
    CHECK_ERRNO(raw(getpid(), SIGUSR1, (siginfo_t *)8), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, 0, gettid_raw(), SIGUSR1, &si), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getpid(), 999999, SIGUSR1, &si), ESRCH);
}

static int fills_the_queue(void)
{
    struct rlimit r = { 5, 5 };
    sigset_t set;
    int sent = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    REQUIRE(setrlimit(RLIMIT_SIGPENDING, &r) == 0);
    while (sent < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 0 }) == 0)
        sent++;
    REQUIRE(sent <= 5); /* others of the same user count, too */
    REQUIRE(errno == EAGAIN);
    REQUIRE(kill(getpid(), SIGCHLD) == 0); /* the old ones always find room */
    return 0;
}

TEST(the_queue_has_an_end)
{
    CHECK_CHILD(fills_the_queue);
}

MAIN
