/* SPDX-License-Identifier: Apache-2.0 */
/* Pending signals: a set, and what is known of each. */
#pragma once

#include "sentry/task/signal.h"

#define SIG_SYNCHRONOUS                                                                          \
    (SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGFPE) | \
     SIG_BIT(SIGSYS))

#define SIG_UNBLOCKABLE (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))
#define SIG_STOPS       (SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define SIG_FIRST_RT    32 /* the kernel's SIGRTMIN: from here on each one sent is queued */

/*
 * Adds a signal. Where there is no room for its siginfo it is pending without one.
 *
 *   uid       whose queue it counts against
 *   limit     RLIMIT_SIGPENDING
 *   errors    EAGAIN where a queued real-time signal would lose its siginfo
 *   locks     the queue's held; takes RANK_USERS
 */
must_use int sigpending_add(struct arena *a, struct sigpending *p, int sig,
                            const struct abi_siginfo *si, uint32_t uid, uint64_t limit);
/* Takes the most urgent of `set`: synchronous ones, then the lowest number. 0: none. */
int sigpending_take(struct arena *a, struct sigpending *p, sigset64 set, struct abi_siginfo *out);
