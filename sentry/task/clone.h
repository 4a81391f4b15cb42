/* SPDX-License-Identifier: Apache-2.0 */
/* New threads and processes: clone(2) in all its forms. */
#pragma once

#include "sentry/task/task.h"

struct clone_request {
    uint64_t flags;  /* CLONE_*, without the signal; the 64-bit ones of clone3 too */
    int exit_signal; /* 0: none */
    uptr_t stack;    /* the new stack pointer; null: the caller's */
    uptr_t parent_tid, child_tid, pidfd;
    uint64_t tls;
    const int *set_tid; /* clone3: numbers from the innermost namespace outwards */
    unsigned set_tid_count;
};

/*
 * Makes a task that goes on behind the caller's call, with 0 as its result.
 *
 *   returns   its number as the caller sees it
 *   errors    EINVAL for flags that exclude each other; EAGAIN, ENOMEM, EPERM, ENOSPC, EUSERS,
 *             EEXIST, EMFILE, EFAULT as clone(2) says; ERESTARTNOINTR where a signal is due first
 *   blocks    under CLONE_VFORK, until the child execs or ends; only death ends it earlier
 */
must_use long task_clone(struct task *t, const struct clone_request *r);
