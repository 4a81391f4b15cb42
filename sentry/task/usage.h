/* SPDX-License-Identifier: Apache-2.0 */
/* Processor time and events, added up: getrusage(2), times(2), wait4(2). */
#pragma once

#include <sys/resource.h>

#include "sentry/task/group.h"

/* The calling thread is the task's from now on; before the platform's half can be seen. */
void usage_begin(struct task *t);
/* The calling thread is about to leave it: what it has used since `guest` went is counted, too. */
void usage_end(struct task *t);
/* Of one thread, alive or ended. */
void usage_of_task(struct task *t, struct usage *out);
/* Of a process: its threads, ended ones too. Takes RANK_GROUP. */
void usage_of_group(struct thread_group *g, struct usage *out);
/* Of its children that it has waited for. Takes RANK_GROUP. */
void usage_of_children(struct thread_group *g, struct usage *out);
/* sum += more; maxrss is the larger. */
void usage_add(struct usage *sum, const struct usage *more);
void usage_print(const struct usage *u, struct rusage *out);

#define USAGE_TICKS_PER_SEC 100 /* of times(2) and siginfo: USER_HZ */
static inline int64_t usage_ticks(nsec_t t)
{
    return t / (NSEC_PER_SEC / USAGE_TICKS_PER_SEC);
}
