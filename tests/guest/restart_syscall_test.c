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

#define STOPS     3
#define TOO_SHORT 1 /* no wait status of a child: those of exits end in a byte of zeros */

/*
 * Stops a child in the call that body makes for so many ms, and lets it go on, three times.
 * TOO_SHORT where it was over before that: a machine that is busy stops nobody in time.
 */
static int stopped_for(long ms, int (*body)(long ms))
{
    struct timespec ts = { 0, 20000000 };
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(body(ms));
    for (int i = 0; i < STOPS; i++) {
        nanosleep(&ts, NULL);
        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid)
            return -1;
        if (!WIFSTOPPED(status))
            return status == 0 ? TOO_SHORT : status;
        kill(pid, SIGCONT);
    }
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* The status of a child that was stopped all those times, however long it takes to do it. */
static int stopped_in(int (*body)(long ms))
{
    int status = TOO_SHORT;

    for (long ms = 150; ms <= 9600 && status == TOO_SHORT; ms *= 2)
        status = stopped_for(ms, body);
    return status;
}

static int sleeps(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 }, then;

    clock_gettime(CLOCK_MONOTONIC, &then);
    REQUIRE(nanosleep(&ts, NULL) == 0);
    REQUIRE(ns_since(&then) >= ms * 1000000);
    return 0;
}

static int polls(long ms)
{
    struct timespec then;

    clock_gettime(CLOCK_MONOTONIC, &then);
    REQUIRE(poll(NULL, 0, (int)ms) == 0);
    REQUIRE(ns_since(&then) >= ms * 1000000);
    return 0;
}

static int reads(long ms)
{
    int p[2];
    char c;

    REQUIRE(pipe(p) == 0);
    if (fork() == 0) {
        struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
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
