/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hostile programs share. Each attacks the sandbox that it runs in; it need
 * not succeed at anything. tests/tools/run_hostile.sh runs it and then asks whether
 * the sentry and the host are unharmed. Two lines at its head say how:
 *
 *     flags: what `runsc do` is given       ends: the statuses it may end with
 *
 * Never run one on the host itself: its limits are the sandbox's.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/dice.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* More of everything where LONG=1. */
static inline int effort(int normal)
{
    const char *is_long = getenv("LONG");

    return is_long && *is_long == '1' ? normal * 10 : normal;
}

static inline void sleep_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&t, NULL);
}

static inline long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * Runs `attack` in a child, which is killed after `ms`. Gives its wait status, -1
 * where there is no room for a child.
 */
static inline int in_child(void (*attack)(void *), void *arg, int ms)
{
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return -1;
    if (pid == 0) {
        attack(arg);
        _exit(0);
    }
    for (long end = now_ms() + ms; now_ms() < end; sleep_ms(2))
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* `size` bytes that end at the end of a page, with nothing behind. */
static inline char *before_nothing(size_t size)
{
    size_t whole = (size + 4095) & ~(size_t)4095;
    char *p = mmap(NULL, whole + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        _exit(99);
    munmap(p + whole, 4096);
    return p + whole - size;
}

/* The attack got what it must not get. */
static inline _Noreturn void breach(const char *what)
{
    dprintf(2, "BREACH: %s\n", what);
    _exit(66);
}
