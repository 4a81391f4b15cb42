/* SPDX-License-Identifier: Apache-2.0 */
/* One alarm: armed, expired, taken. What it is for is told in timers_priv.h. */
#include <limits.h>

#include "sentry/task/clock_sleep.h"
#include "sentry/task/signal.h"
#include "sentry/task/timers_priv.h"

#define IGNORED_STEP (4 * NSEC_PER_MSEC) /* a timer whose signal is ignored goes no faster */

static nsec_t now_of(const struct alarm *a)
{
    return guest_clock_now(a->owner->arena, &a->clock);
}

static bool is_armed(const struct alarm *a)
{
    return a->at != NSEC_NEVER && !a->waiting;
}

/* Puts it where its clock is looked at. */
static void arm_locked(struct alarm *a) HOLDS(a->owner->lock);
static void arm_locked(struct alarm *a)
{
    struct arena *arena = a->owner->arena;

    if (a->clock.kind != GUEST_CLOCK_WALL) {
        cpu_alarm_arm_locked(a);
        return;
    }
    const struct clock *clock = arena_host(arena, HOST_CLOCK);
    nsec_t at = a->at;
    if (a->clock.wall != CLOCK_ID_MONOTONIC)
        at = nsec_add(clock_now(clock, CLOCK_ID_MONOTONIC),
                      nsec_add(at, -clock_now(clock, a->clock.wall)));
    timer_arm(arena, &a->timer, at);
}

static void disarm_locked(struct alarm *a) HOLDS(a->owner->lock);
static void disarm_locked(struct alarm *a)
{
    if (a->clock.kind == GUEST_CLOCK_WALL)
        timer_try_cancel(a->owner->arena, &a->timer);
    else
        cpu_alarm_disarm_locked(a);
}

/* Moves an expired one to its first moment after `now`. Returns how many it jumped over. */
static int64_t forward(struct alarm *a, nsec_t now)
{
    if (a->at > now)
        return 0;
    int64_t jumps = (now - a->at) / a->interval + 1;
    nsec_t span;

    if (__builtin_mul_overflow(jumps, a->interval, &span))
        span = NSEC_NEVER;
    a->at = nsec_add(a->at, span);
    return jumps;
}

/* What is to be sent, once the lock is no longer held. */
struct shot {
    struct thread_group *group; /* a reference, or */
    struct task *task;          /* a reference */
    struct abi_siginfo info;
};

static void aim(const struct alarm *a, struct shot *s)
{
    siginfo_kernel(&s->info, a->sig, SI_KERNEL);
    if (a->action == ALARM_SIGNAL) {
        s->info = (struct abi_siginfo){ .si_signo = a->sig, .si_code = SI_TIMER };
        s->info.timer.id = a->id;
        s->info.timer.value = a->value;
        s->info.timer.private = (int32_t)a->serial;
    }
    if (a->target)
        s->task = task_get(a->target);
    else
        s->group = group_get(a->owner->group);
}

/*
 * Sends it.
 *
 *   returns   whether it is on its way: false where it is ignored (or was taken already)
 */
static bool shoot(struct shot *s)
{
    int sig = s->info.si_signo;
    int err = s->task ? signal_send_task(s->task, sig, &s->info)
                      : signal_send_group(s->group, sig, &s->info);
    bool sent = err || signal_is_pending(s->task ? s->task->group : s->group, s->task, sig);

    task_put(s->task);
    group_put(s->group);
    return sent;
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. */
static void pass_cpu_limit(struct alarm *a, struct shot *s)
{
    struct limit *l = &a->owner->group->limits.of[RLIMIT_CPU];
    uint64_t used = (uint64_t)(now_of(a) / NSEC_PER_SEC), hard = atomic_load(&l->hard);

    if (used >= hard)
        s->info.si_signo = SIGKILL;
    atomic_store(&l->soft, min(used + 1, hard));
    a->at = nsec_make((int64_t)min(used + 1, (uint64_t)(NSEC_NEVER / NSEC_PER_SEC)), 0);
}

/* What an expiry changes. Returns whether there is something to send. */
static bool expire_locked(struct alarm *a, struct shot *s) HOLDS(a->owner->lock);
static bool expire_locked(struct alarm *a, struct shot *s)
{
    bool sends = a->action == ALARM_SIGNAL || a->action == ALARM_KERNEL_SIGNAL;

    if (sends)
        aim(a, s);
    if (a == &a->owner->cpu_limit) {
        pass_cpu_limit(a, s);
        arm_locked(a);
    } else if (a->action == ALARM_WAKE) {
        a->fired = true;
        a->at = NSEC_NEVER;
        task_wake(a->target);
    } else if (!a->interval) {
        a->at = NSEC_NEVER;
        a->waiting = sends && a->lazy;
    } else if (a->lazy) {
        a->waiting = true;
    } else {
        a->at = nsec_add(a->at, a->interval);
        arm_locked(a);
    }
    return sends;
}

void alarm_expire(struct alarm *a)
{
    struct shot s = { 0 };

    mutex_lock(&a->owner->lock);
    bool due = is_armed(a) && now_of(a) >= a->at;
    if (is_armed(a) && !due)
        arm_locked(a); /* the clock was set back, or what it measures stood still */
    if (due)
        disarm_locked(a); /* it may have been set again, since it was found due */
    bool sends = due && expire_locked(a, &s);
    uint32_t serial = a->serial;
    mutex_unlock(&a->owner->lock);
    if (!sends || shoot(&s) || a->action != ALARM_SIGNAL)
        return;

    mutex_lock(&a->owner->lock);
    if (a->waiting && a->serial == serial) {
        a->waiting = false;
        if (a->at != NSEC_NEVER) {
            forward(a, nsec_add(now_of(a), a->interval < IGNORED_STEP ? IGNORED_STEP : 0));
            arm_locked(a);
        }
    }
    mutex_unlock(&a->owner->lock);
}

static void fire(struct timer *timer)
{
    alarm_expire(container_of(timer, struct alarm, timer));
}

static const struct timer_ops alarm_timer_ops = { .fire = fire };

void alarm_init(struct alarm *a, struct group_timers *owner)
{
    timer_init(&a->timer, &alarm_timer_ops);
    a->owner = owner;
    a->at = NSEC_NEVER;
    list_init(&a->node);
    list_init(&a->due_node);
}

void alarm_set_locked(struct alarm *a, nsec_t at, nsec_t interval)
{
    disarm_locked(a);
    a->serial++;
    a->waiting = false;
    a->overrun = 0;
    a->at = at;
    a->interval = interval;
    if (is_armed(a) && a->action != ALARM_NONE)
        arm_locked(a);
}

void alarm_get_locked(struct alarm *a, struct timer_setting *out)
{
    *out = (struct timer_setting){ .interval = a->interval };
    if (a->at == NSEC_NEVER)
        return;
    nsec_t now = now_of(a);
    struct alarm later = { .at = a->at, .interval = a->interval };
    if (a->interval && (a->waiting || a->action == ALARM_NONE))
        forward(&later, now);
    /* One that is about to expire is still armed, and says so. */
    if (later.at > now)
        out->value = later.at - now;
    else if (a->action != ALARM_NONE)
        out->value = 1;
}

int alarm_taken_locked(struct alarm *a)
{
    int64_t jumps = 0;

    if (!a->waiting)
        return 0;
    a->waiting = false;
    if (a->at != NSEC_NEVER) {
        jumps = forward(a, now_of(a));
        arm_locked(a);
    }
    /* The first of them is the one whose signal this is. */
    return jumps <= 1 ? 0 : (int)min(jumps - 1, (int64_t)INT_MAX);
}

void alarm_stop(struct alarm *a)
{
    struct group_timers *gt = a->owner;

    mutex_lock(&a->owner->lock);
    alarm_set_locked(a, NSEC_NEVER, 0);
    mutex_unlock(&a->owner->lock);
    if (a->clock.kind == GUEST_CLOCK_WALL) {
        timer_cancel(gt->arena, &a->timer);
        return;
    }
    cpu_alarms_settle(gt);
}
