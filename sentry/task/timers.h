/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a process: the three of setitimer(2), those of timer_create(2), the
 * processor time that RLIMIT_CPU allows, and sleeps on a processor-time clock.
 *
 *   source    getitimer(2), timer_create(2), timer_settime(2), setrlimit(2)
 */
#pragma once

#include "include/abi/signal.h"
#include "sentry/task/guest_clock.h"

/* What a timer is set to, or has left; nanoseconds. `value` 0: it is not armed. */
struct timer_setting {
    nsec_t value, interval;
};

/* ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF. `old` may be NULL. Errors: EINVAL, ENOMEM. */
must_use int itimer_get(struct task *t, int which, struct timer_setting *out);
must_use int itimer_set(struct task *t, int which, const struct timer_setting *set,
                        struct timer_setting *old);

/* What timer_create(2) asks for. */
struct posix_timer_ask {
    int clock;      /* as the guest numbers it */
    int notify;     /* SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, with SIGEV_THREAD_ID or not */
    int sig, tid;   /* tid: of SIGEV_THREAD_ID */
    bool own_value; /* no: the timer's number is its value */
    uint64_t value;
};

/*
 * Makes a timer of the process.
 *
 *   returns   its number
 *   errors    EINVAL for a clock or a notification that there is not; EOPNOTSUPP for a clock that
 *             has no timers; EPERM; EAGAIN past RLIMIT_SIGPENDING; ENOMEM
 */
must_use int posix_timer_create(struct task *t, const struct posix_timer_ask *ask);
/* Errors: EINVAL for a number that there is not. `old` may be NULL. */
must_use int posix_timer_set(struct task *t, int id, bool absolute, const struct timer_setting *set,
                             struct timer_setting *old);
must_use int posix_timer_get(struct task *t, int id, struct timer_setting *out);
/* How often it expired between the last signal and its delivery. */
must_use int posix_timer_overrun(struct task *t, int id);
must_use int posix_timer_delete(struct task *t, int id);

/*
 * Sleeps until a processor-time clock comes to `at`.
 *
 *   errors    ERESTARTSYS, ENOMEM
 */
must_use int timers_sleep(struct task *t, struct guest_clock *c, nsec_t at);

/* ---- for the rest of task/ ---- */

/* A signal was taken off a queue, under no lock: periodic timers go on from here. May fill si in.
 */
void timers_signal_taken(struct thread_group *g, struct abi_siginfo *si);
/* RLIMIT_CPU has changed, or a new process has one. */
void timers_cpu_limit(struct thread_group *g);
/* A thread that slept goes on: processor time passes again. Cheap where nothing counts it. */
void timers_awake(struct task *t);
/* The process has ended: none goes off any more. */
void timers_exit(struct thread_group *g);
/* Nobody knows the process any more. */
void timers_free(struct thread_group *g);
/* It has called execve(2): those of timer_create(2) are gone. */
void timers_exec(struct thread_group *g);

/* What /proc/PID/timers shows of one. */
struct posix_timer_info {
    int id, sig, notify, clock, tid;
    uint64_t value;
};
/* The one of the lowest number from `from` on. False: no more. */
bool posix_timer_next(struct thread_group *g, int from, struct posix_timer_info *out);
