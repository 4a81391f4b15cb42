/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a stop cut short go on where they were: nobody is told. */
#include <fcntl.h>
#include <poll.h>

#include "tests/guest/child.h"

static long ns_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - then->tv_sec) * 1000000000l + now.tv_nsec - then->tv_nsec;
}

/* Stops the child in its call and lets it go on. */
static int stopped_in(int (*body)(void))
{
    struct timespec ts = { 0, 20000000 };
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(body());
    for (int i = 0; i < 3; i++) {
        nanosleep(&ts, NULL);
        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
            return -1;
        kill(pid, SIGCONT);
    }
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int sleeps(void)
{
    struct timespec ts = { 0, 150000000 }, then;

    clock_gettime(CLOCK_MONOTONIC, &then);
    REQUIRE(nanosleep(&ts, NULL) == 0);
    REQUIRE(ns_since(&then) >= 150000000);
    return 0;
}

static int polls(void)
{
    struct timespec then;

    clock_gettime(CLOCK_MONOTONIC, &then);
    REQUIRE(poll(NULL, 0, 150) == 0);
    REQUIRE(ns_since(&then) >= 150000000);
    return 0;
}

static int reads(void)
{
    int p[2];
    char c;

    REQUIRE(pipe(p) == 0);
    if (fork() == 0) {
        struct timespec ts = { 0, 150000000 };
        nanosleep(&ts, NULL);
        _exit(write(p[1], "x", 1) != 1);
    }
    REQUIRE(read(p[0], &c, 1) == 1);
    return 0;
}

TEST(a_sleep)
{
    CHECK_EQ(stopped_in(sleeps), 0);
}

TEST(a_poll)
{
    CHECK_EQ(stopped_in(polls), 0);
}

TEST(a_read)
{
    CHECK_EQ(stopped_in(reads), 0);
}

TEST(by_itself_it_has_nothing_to_restart)
{
    CHECK_ERRNO(syscall(SYS_restart_syscall), EINTR);
}

MAIN
