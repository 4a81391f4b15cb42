/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kind of object, the alarm, is behind all timers of a process.
 *
 * An alarm has a clock and a moment on it. Alarms of the machine's clocks stand in
 * the kernel's tree of timers; those of processor time are looked at by `tick`,
 * which is set for the earliest that any of them could come, and not set while all
 * threads of the process sleep: then no such time passes.
 *
 * A periodic alarm that sends a signal does not go on until the signal has been
 * taken; what it missed is counted then. So a process that blocks the signal costs
 * nothing, and no queue grows. (The two itimers of processor time go on at once, as
 * in Linux.)
 *
 * All expiries happen on the kernel's one thread for timers. Signals are sent with
 * no lock held; an alarm is freed only when that thread is not at it.
 */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "base/rbtree.h"
#include "sentry/core/timer.h"
#include "sentry/task/timers.h"

enum alarm_action {
    ALARM_KERNEL_SIGNAL, /* of the kernel's own, to the process: itimers, RLIMIT_CPU */
    ALARM_SIGNAL,        /* SI_TIMER, to the process or to `target` */
    ALARM_NONE,
    ALARM_WAKE, /* `target` sleeps */
};

/* [I] never changes   [l] the group_timers' lock */
struct alarm {
    struct timer timer;         /* of a wall clock */
    struct group_timers *owner; /* [I] */
    struct list node;           /* [l] posix timers: in owner->posix, by number */
    struct rb_node cpu_node;    /* [l] armed on processor time: in owner->cpu */
    bool cpu_armed;             /* [l] the same */
    struct list due_node;       /* [l] the tick has found it due, and has yet to get to it */
    struct guest_clock clock;   /* [I] references */
    enum alarm_action action;   /* [I] */
    bool lazy;                  /* [I] goes on when its signal is taken */
    int sig;                    /* [I] */
    struct task *target;        /* [I] a reference, or NULL */
    nsec_t at, interval;        /* [l] on its clock; NSEC_NEVER: not armed */
    bool waiting;               /* [l] its signal was sent and not yet taken */
    bool fired;                 /* [l] of ALARM_WAKE */
    /* of those that timer_create(2) made: */
    int id, number, notify; /* [I] number: of the clock, as the guest wrote it */
    uint32_t charged_uid;   /* [I] */
    uint64_t value;         /* [I] */
    uint32_t serial;        /* [l] tells signals of one setting from those of the next */
    int overrun;            /* [l] of the last signal that was taken */
};

enum { ITIMERS = 3 };

struct group_timers {
    struct mutex lock;          /* RANK_ALARM */
    struct arena *arena;        /* [I] */
    struct thread_group *group; /* [I] weak: it owns us */
    struct alarm itimer[ITIMERS];
    struct alarm cpu_limit;
    struct list posix;   /* [l] alarm.node */
    int next_id;         /* [l] */
    struct rb_root cpu;  /* [l] alarm.cpu_node: armed on processor time */
    struct timer tick;   /* looks at those */
    bool ticking;        /* [l] it does now, and will plan the next time when it has done so */
    nsec_t rests_until;  /* [l] it does not before: CLOCK_MONOTONIC */
    _Atomic bool parked; /* they are not looked at, since all threads sleep */
};

/* Those of a process, made where there are none: NULL for no memory. */
struct group_timers *timers_make(struct thread_group *g);
struct group_timers *timers_of_group(struct thread_group *g);

void alarm_init(struct alarm *a, struct group_timers *owner);

/* Sets it; NSEC_NEVER disarms. A signal that is on its way no longer belongs to it. */
void alarm_set_locked(struct alarm *a, nsec_t at, nsec_t interval) HOLDS(a->owner->lock);
/* What it has left. */
void alarm_get_locked(struct alarm *a, struct timer_setting *out) HOLDS(a->owner->lock);
/* The signal was taken: goes on. Returns how many times it would have expired meanwhile. */
int alarm_taken_locked(struct alarm *a) HOLDS(a->owner->lock);
/* Disarms, and waits for an expiry that is under way. No lock held. */
void alarm_stop(struct alarm *a);

/* cpu_timer.c: in and out of the tree of those that processor time moves. */
void cpu_alarm_arm_locked(struct alarm *a) HOLDS(a->owner->lock);
void cpu_alarm_disarm_locked(struct alarm *a) HOLDS(a->owner->lock);
/* Waits for a tick that is under way: it is at none any more that was disarmed before. */
void cpu_alarms_settle(struct group_timers *gt);
/* Expires one whose time has come. No lock held; on the thread for timers. */
void alarm_expire(struct alarm *a);
extern const struct timer_ops cpu_tick_ops;
