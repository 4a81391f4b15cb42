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

enum { ERROR_KINDS = 512 }; /* pairs of call and errno that are told apart */

/* One errno of one call. A row is taken once, by its first error, and never given back. */
struct error_count {
    _Atomic uint32_t key; /* [a] call << 16 | errno; 0: free */
    _Atomic uint32_t count;
};

struct syscall_stats {
    bool watching;                         /* [I] after start: any of what follows is wanted */
    bool counting;                         /* [I] --summary */
    hostfd_t summary_out;                  /* [I] where it goes */
    hostfd_t trace_out;                    /* [I] --strace-out; HOSTFD_NONE: nothing is traced */
    uint64_t traced[SYSCALL_COUNT / 64];   /* [I] bit n: call n is printed */
    _Atomic uint64_t calls[SYSCALL_COUNT]; /* [a] numbers past the end count in the last */
    _Atomic uint64_t errors[SYSCALL_COUNT];
    _Atomic uint64_t spent[SYSCALL_COUNT]; /* nanoseconds, waiting included */
    struct error_count kinds[ERROR_KINDS]; /* probed from a hash of the key; a full table forgets */
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

/* Counts one call: its number, what it returned, how long it took. */
void syscall_count(struct syscall_stats *s, uint64_t nr, long r, nsec_t spent);

/* Writes the table of --summary to `fd`: calls by count, errors, and what was refused, by name. */
void syscall_summary(struct arena *a, int fd);
