/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: something that is to happen at a time.
 *
 * One tree by expiry for the whole kernel and one host thread that sleeps until
 * the earliest; where nothing is armed it sleeps for ever: an idle sandbox makes
 * no wake-ups. A task that merely waits with a deadline does not need a timer: its
 * own sleep has one (block.h).
 */
#pragma once

#include "base/clock.h"
#include "base/rbtree.h"
#include "base/time.h"
#include "sentry/core/arena.h"

struct timer;

struct timer_ops {
    /* Its time has come; it is no longer armed and may be armed again here. No lock is held. */
    void (*fire)(struct timer *t);
};

struct timer {
    struct rb_node node;
    const struct timer_ops *ops; /* [I] register it in the owner's slab_type */
    nsec_t at;                   /* [timers lock] CLOCK_MONOTONIC */
    bool armed;                  /* [timers lock] */
};

/* Makes the tree and puts it at ROOT_TIMERS. Errors: ENOMEM. */
must_use int timers_create(struct arena *a);
/* No timer is armed any more. */
void timers_destroy(struct arena *a);

void timer_init(struct timer *t, const struct timer_ops *ops);

/* Arms or moves a timer of an object in an arena. `at` in nanoseconds of CLOCK_MONOTONIC. Locks:
 * RANK_TIMER. */
void timer_arm(struct arena *a, struct timer *t, nsec_t at);

/*
 * Disarms.
 *
 *   returns   whether it was armed
 *   blocks    until a fire() that is under way has returned, unless called from it;
 *             so no lock that fire() takes may be held
 */
bool timer_cancel(struct arena *a, struct timer *t);

/* As timer_cancel(), but does not wait: a fire() may be under way. */
bool timer_try_cancel(struct arena *a, struct timer *t);

/*
 * Fires what is due by `now`.
 *
 *   returns   when the next is due, NSEC_NEVER where none is
 */
nsec_t timers_run(struct arena *a, nsec_t now);

/* The host thread's body: fires and sleeps until timers_stop(). */
void timers_loop(struct arena *a);
void timers_stop(struct arena *a);
