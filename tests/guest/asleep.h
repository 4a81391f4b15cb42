/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for what another does is seen to wait, by the state that /proc shows: no time is long
 * enough on a machine that stands still now and then.
 */
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/guest/lib.h"

/* The letter of a thread's state; 0: there is none. */
static inline char state_of(pid_t pid, pid_t tid)
{
    char path[64], line[512] = "";

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    char *end = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    return end ? end[2] : 0;
}

/* Until a thread sleeps, or has ended. */
static inline void until_asleep(pid_t pid, pid_t tid)
{
    for (;;) {
        char state = state_of(pid, tid);
        if (!state || state == 'S' || state == 'Z')
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
}

/* A child that sends a signal to the caller, its first thread, once that sleeps; and its end. */
static inline pid_t signal_when_asleep(int sig)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        until_asleep(parent, parent);
        _exit(kill(parent, sig) != 0);
    }
    return pid;
}

static inline bool has_signalled(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && status == 0;
}
