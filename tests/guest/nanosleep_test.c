/* SPDX-License-Identifier: Apache-2.0 */
/* nanosleep(2) */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/guest/asleep.h"

static long now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

TEST(it_sleeps_long_enough)
{
    struct timespec t = { .tv_nsec = 20000000 };
    long before = now_us();

    CHECK_EQ(nanosleep(&t, NULL), 0);
    CHECK(now_us() - before >= 20000);
    t.tv_nsec = 0;
    CHECK_EQ(nanosleep(&t, &t), 0);
}

TEST(bad_arguments)
{
    struct timespec t = { .tv_nsec = 1000000000 };

    CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
    t = (struct timespec){ .tv_nsec = -1 };
    CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
    t = (struct timespec){ .tv_sec = -1 };
    CHECK_ERRNO(nanosleep(&t, NULL), EINVAL);
    CHECK_ERRNO(nanosleep((void *)8, NULL), EFAULT);
}

static volatile int caught;

static void on_signal(int sig)
{
    (void)sig;
    caught++;
}

static pid_t alarm_when_asleep(int flags)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

    caught = 0;
    sigaction(SIGALRM, &sa, NULL);
    return signal_when_asleep(SIGALRM);
}

TEST(a_handler_ends_it_and_it_says_what_is_left)
{
    struct timespec t = { .tv_sec = 1000 }, left = { 0 };

    for (int i = 0; i < 2; i++) {
        pid_t pid = alarm_when_asleep(i ? SA_RESTART : 0);
        CHECK_ERRNO(nanosleep(&t, &left), EINTR);
        CHECK_EQ(caught, 1);
        CHECK(left.tv_sec >= 900 && left.tv_sec <= 999 && left.tv_nsec < 1000000000);
        CHECK(has_signalled(pid));
    }
    pid_t pid = alarm_when_asleep(0);
    CHECK_ERRNO(nanosleep(&t, (void *)8), EFAULT);
    CHECK(has_signalled(pid));
}

TEST(a_stop_does_not_end_it)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct timespec t = { .tv_sec = 2 };
        long before = now_us();
        _exit(nanosleep(&t, NULL) || now_us() - before < 2000000);
    }
    until_asleep(pid, pid);
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(status, 0);
}

MAIN
