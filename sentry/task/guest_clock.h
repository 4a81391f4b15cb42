/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks by the numbers that a guest has for them: those of the machine, and the
 * processor time of threads and processes.
 *
 *   source    clock_gettime(2), clock_getcpuclockid(3); kernel/time/posix-cpu-timers.c, Linux 6.6
 */
#pragma once

#include "sentry/task/group.h"

enum guest_clock_kind {
    GUEST_CLOCK_WALL,  /* runs by itself */
    GUEST_CLOCK_GROUP, /* runs while a thread of a process does */
    GUEST_CLOCK_TASK,  /* runs while a thread does */
};

/* What of the processor's time counts: as in the lowest bits of a clock's number. */
enum guest_clock_what { CPU_ALL, CPU_USER, CPU_SUM };

struct guest_clock {
    enum guest_clock_kind kind;
    enum clock_id wall;         /* of GUEST_CLOCK_WALL */
    bool coarse;                /* it goes in ticks */
    bool bare;                  /* it can be read, and no more */
    bool alarm;                 /* one that would wake the machine, where it could */
    enum guest_clock_what what; /* of the others; CPU_ALL and CPU_SUM are the same to us */
    struct thread_group *group; /* of GUEST_CLOCK_GROUP: a reference */
    struct task *task;          /* of GUEST_CLOCK_TASK: a reference */
};

/*
 * Finds a clock.
 *
 *   reading   a process's clock may also be named by the caller's own thread number
 *   out       given: guest_clock_close()
 *   errors    EINVAL
 */
must_use int guest_clock_open(struct task *t, int number, bool reading, struct guest_clock *out);
void guest_clock_close(struct guest_clock *c);

/* What time it is there, in nanoseconds. Locks: may take RANK_GROUP. */
nsec_t guest_clock_now(struct arena *a, const struct guest_clock *c);

/* Its step, in nanoseconds. */
nsec_t guest_clock_step(const struct guest_clock *c);
