/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tree of timers and whoever runs them.
 *
 * fire() is called without the lock; `firing` says whose it is meanwhile, and
 * `fired` counts the ends of such calls, so that timer_cancel() has something to
 * sleep on. A timer may be freed by its own fire(): it is not touched afterwards.
 */
#include "sentry/core/timer.h"

#include "base/host.h"
#include "base/lock.h"
#include "sentry/core/slab.h"

/* [l] its lock */
struct timers {
    struct mutex lock;      /* RANK_TIMER */
    struct rb_root tree;    /* [l] armed timers by `at` */
    struct timer *firing;   /* [l] whose fire() is under way */
    uintptr_t runner;       /* [l] a number of the thread that runs it */
    uint32_t cancelling;    /* [l] threads that sleep on `fired` */
    _Atomic uint32_t fired; /* fire() calls that have returned */
    nsec_t sleeps_until;    /* [l] what the loop waits for */
    bool stop;              /* [l] */
    struct park park;       /* the loop's */
};

static const struct slab_type timers_slab = SLAB_TYPE(timers, struct timers);

static struct timers *timers_of(struct arena *a)
{
    return arena_root(a, ROOT_TIMERS);
}

/* A number that no other living thread has. */
static uintptr_t self(void)
{
    static _Thread_local char here;

    return (uintptr_t)&here;
}

int timers_create(struct arena *a)
{
    struct timers *ts = slab_alloc(a, &timers_slab);
    if (!ts)
        return -ENOMEM;
    mutex_init(&ts->lock, RANK_TIMER);
    ts->sleeps_until = NSEC_NEVER;
    arena_set_root(a, ROOT_TIMERS, ts);
    return 0;
}

void timers_destroy(struct arena *a)
{
    struct timers *ts = timers_of(a);

    if (!ts)
        return;
    assert(rb_empty(&ts->tree) && !ts->firing);
    slab_free(ts);
    arena_set_root(a, ROOT_TIMERS, NULL);
}

void timer_init(struct timer *t, const struct timer_ops *ops)
{
    *t = (struct timer){ .ops = ops };
}

static bool sooner(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, const struct timer, node)->at < rb_entry(b, const struct timer, node)->at;
}

static bool disarm_locked(struct timers *ts, struct timer *t) HOLDS(ts->lock);
static bool disarm_locked(struct timers *ts, struct timer *t)
{
    if (!t->armed)
        return false;
    rb_erase(&ts->tree, &t->node);
    t->armed = false;
    return true;
}

void timer_arm(struct arena *a, struct timer *t, nsec_t at)
{
    struct timers *ts = timers_of(a);

    mutex_lock(&ts->lock);
    disarm_locked(ts, t);
    t->at = at;
    t->armed = true;
    rb_insert(&ts->tree, &t->node, sooner);
    bool wake = at < ts->sleeps_until;
    if (wake)
        ts->sleeps_until = at;
    mutex_unlock(&ts->lock);
    if (wake)
        park_wake(&ts->park);
}

bool timer_try_cancel(struct arena *a, struct timer *t)
{
    struct timers *ts = timers_of(a);

    mutex_lock(&ts->lock);
    bool was = disarm_locked(ts, t);
    mutex_unlock(&ts->lock);
    return was;
}

bool timer_cancel(struct arena *a, struct timer *t)
{
    struct timers *ts = timers_of(a);
    bool was = false;

    mutex_lock(&ts->lock);
    was = disarm_locked(ts, t);
    while (ts->firing == t && ts->runner != self()) {
        uint32_t seen = ts->fired;
        ts->cancelling++;
        mutex_unlock(&ts->lock);
        int err = host_futex_wait(&ts->fired, seen, NSEC_NEVER);
        assert(!err || err == -EAGAIN || err == -EINTR);
        mutex_lock(&ts->lock);
        ts->cancelling--;
        was |= disarm_locked(ts, t); /* fire() may have armed it again */
    }
    mutex_unlock(&ts->lock);
    return was;
}

/* Runs the first timer that is due, if any; the lock is dropped meanwhile. */
static bool fire_one_locked(struct timers *ts, nsec_t now) HOLDS(ts->lock);
static bool fire_one_locked(struct timers *ts, nsec_t now)
{
    struct timer *t = rb_entry_or_null(rb_first(&ts->tree), struct timer, node);

    if (!t || t->at > now)
        return false;
    disarm_locked(ts, t);
    ts->firing = t;
    ts->runner = self();
    mutex_unlock(&ts->lock);
    t->ops->fire(t);
    mutex_lock(&ts->lock);
    ts->firing = NULL;
    atomic_fetch_add(&ts->fired, 1);
    if (ts->cancelling)
        host_futex_wake(&ts->fired, INT32_MAX);
    return true;
}

nsec_t timers_run(struct arena *a, nsec_t now)
{
    struct timers *ts = timers_of(a);

    mutex_lock(&ts->lock);
    assert(!ts->firing && "one thread runs the timers");
    while (fire_one_locked(ts, now))
        ;
    struct timer *next = rb_entry_or_null(rb_first(&ts->tree), struct timer, node);
    nsec_t at = next ? next->at : NSEC_NEVER;
    ts->sleeps_until = at;
    mutex_unlock(&ts->lock);
    return at;
}

void timers_loop(struct arena *a)
{
    struct timers *ts = timers_of(a);
    const struct clock *clock = arena_host(a, HOST_CLOCK);

    for (;;) {
        park_prepare(&ts->park);
        mutex_lock(&ts->lock);
        bool stop = ts->stop;
        mutex_unlock(&ts->lock);
        if (stop)
            return;
        nsec_t next = timers_run(a, clock_now(clock, CLOCK_ID_MONOTONIC));
        if (next != NSEC_NEVER) {
            /* The sandbox's clock may be set off from the host's, on which we sleep. */
            nsec_t span = next - clock_now(clock, CLOCK_ID_MONOTONIC);
            if (span <= 0)
                continue;
            next = nsec_add(clock_now(&clock_real, CLOCK_ID_MONOTONIC), span);
        }
        int err = park_wait(&ts->park, next);
        assert(!err || err == -ETIMEDOUT || err == -EINTR);
    }
}

void timers_stop(struct arena *a)
{
    struct timers *ts = timers_of(a);

    mutex_lock(&ts->lock);
    ts->stop = true;
    mutex_unlock(&ts->lock);
    park_wake(&ts->park);
}
