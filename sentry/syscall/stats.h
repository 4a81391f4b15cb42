/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted and traced of system calls. Off by default: then a call pays for
 * one load.
 */
#pragma once

#include "base/time.h"
#include "sentry/core/arena.h"
#include "sentry/core/hostfd.h"
#include "sentry/syscall/syscalls.h"

struct syscall_stats {
    bool watching;                         /* [I] after start: any of what follows is wanted */
    bool counting;                         /* [I] --summary */
    hostfd_t summary_out;                  /* [I] where it goes */
    hostfd_t trace_out;                    /* [I] --strace-out; HOSTFD_NONE: nothing is traced */
    uint64_t traced[SYSCALL_COUNT / 64];   /* [I] bit n: call n is printed */
    _Atomic uint64_t calls[SYSCALL_COUNT]; /* [a] numbers past the end count in the last */
    _Atomic uint64_t errors[SYSCALL_COUNT];
    _Atomic uint64_t spent[SYSCALL_COUNT]; /* nanoseconds, waiting included */
};

struct syscall_watch {
    int summary_fd;    /* taken; -1: nothing is counted */
    int trace_fd;      /* taken; -1: no trace */
    const char *trace; /* "open,read", "%file", "!futex", NULL or "" for all; borrowed */
};

/*
 * Makes the state at ROOT_SYSCALL.
 *
 *   errors    ENOMEM; EMFILE; EINVAL where `trace` names a call or class that is not there
 */
must_use int syscall_stats_create(struct arena *a, const struct syscall_watch *w);

static inline struct syscall_stats *syscall_stats(struct arena *a)
{
    return arena_root(a, ROOT_SYSCALL);
}

/* Writes the table of --summary to `fd`: calls by count, errors, and what was refused, by name. */
void syscall_summary(struct arena *a, int fd);
