/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms on processor time. Nobody tells us when a thread has used so much of it,
 * so we look: at the earliest moment at which an alarm could be due if all its
 * process's threads ran from now on.
 *
 * While all of them sleep that moment moves away as fast as time passes. Then
 * nothing is set (`parked`), and whichever thread goes on first sets it again.
 */
#include "sentry/task/timers_priv.h"

#define LOOK_MIN NSEC_PER_MSEC

static const struct thread_group *group_of(const struct alarm *a)
{
    return a->clock.task ? a->clock.task->group : a->clock.group;
}

/* For how long it cannot come. */
static nsec_t least_wait(const struct alarm *a)
{
    nsec_t left = a->at - guest_clock_now(a->owner->arena, &a->clock);
    uint32_t threads = a->clock.task ? 1 : group_task_count(a->clock.group);

    return max(left / max(threads, 1u), LOOK_MIN);
}

/* Does any thread run, or about to? */
static bool any_awake(struct thread_group *g)
{
    struct task *t;
    bool awake = false;

    mutex_lock(&g->lock);
    list_for_each (t, &g->tasks, group_node)
        awake |= atomic_load(&t->sleeping) == TASK_AWAKE && atomic_load(&t->life) == TASK_ALIVE;
    mutex_unlock(&g->lock);
    return awake;
}

/* Sets the tick for the earliest. */
static void plan_locked(struct group_timers *gt) HOLDS(gt->lock);
static void plan_locked(struct group_timers *gt)
{
    nsec_t now = clock_now(arena_host(gt->arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);
    nsec_t wait = NSEC_NEVER;
    bool own = true;
    struct alarm *a;

    list_for_each (a, &gt->cpu, cpu_node) {
        wait = min(wait, least_wait(a));
        own &= group_of(a) == gt->group;
    }
    if (wait == NSEC_NEVER) {
        timer_try_cancel(gt->arena, &gt->tick);
        return;
    }
    /* Parked first, then a look: a thread that wakes does it the other way round. */
    atomic_store(&gt->parked, own);
    if (own && !any_awake(gt->group)) {
        timer_try_cancel(gt->arena, &gt->tick);
        return;
    }
    atomic_store(&gt->parked, false);
    timer_arm(gt->arena, &gt->tick, nsec_add(now, wait));
}

void cpu_alarm_arm_locked(struct alarm *a)
{
    if (!list_is_linked(&a->cpu_node))
        list_push_back(&a->owner->cpu, &a->cpu_node);
    plan_locked(a->owner);
}

void cpu_alarm_disarm_locked(struct alarm *a)
{
    list_del(&a->cpu_node);
    plan_locked(a->owner);
}

static struct alarm *take_due_locked(struct group_timers *gt) HOLDS(gt->lock);
static struct alarm *take_due_locked(struct group_timers *gt)
{
    struct alarm *a;

    list_for_each (a, &gt->cpu, cpu_node) {
        if (guest_clock_now(gt->arena, &a->clock) >= a->at) {
            list_del(&a->cpu_node);
            return a;
        }
    }
    return NULL;
}

static void tick(struct timer *timer)
{
    struct group_timers *gt = container_of(timer, struct group_timers, tick);
    struct alarm *a;

    do {
        mutex_lock(&gt->lock);
        a = take_due_locked(gt);
        if (!a)
            plan_locked(gt);
        mutex_unlock(&gt->lock);
        if (a)
            alarm_expire(a);
    } while (a);
}

const struct timer_ops cpu_tick_ops = { .fire = tick };

void timers_awake(struct task *t)
{
    struct group_timers *gt = timers_of_group(t->group);

    if (!gt)
        return;
    atomic_thread_fence(memory_order_seq_cst); /* it is seen to be awake, then looks */
    if (!atomic_load(&gt->parked))
        return;
    mutex_lock(&gt->lock);
    if (atomic_exchange(&gt->parked, false))
        plan_locked(gt);
    mutex_unlock(&gt->lock);
}

void timers_cpu_limit(struct thread_group *g)
{
    uint64_t soft = limit_soft(&g->limits, RLIMIT_CPU);
    struct group_timers *gt = soft == LIMIT_INFINITY ? timers_of_group(g) : timers_make(g);

    if (!gt) /* nothing to watch, or no memory to watch it with */
        return;
    mutex_lock(&gt->cpu_limit.owner->lock);
    nsec_t at =
        soft > (uint64_t)(NSEC_NEVER / NSEC_PER_SEC) ? NSEC_NEVER : nsec_make((int64_t)soft, 0);
    alarm_set_locked(&gt->cpu_limit, at, 0);
    mutex_unlock(&gt->cpu_limit.owner->lock);
}

int timers_sleep(struct task *t, struct guest_clock *c, nsec_t at)
{
    struct group_timers *gt = timers_make(t->group);
    struct alarm *a = gt ? arena_alloc(t->arena, sizeof *a) : NULL;
    int err = 0;
    bool fired = false;

    if (!a)
        return -ENOMEM;
    alarm_init(a, gt);
    a->clock = *c;
    a->action = ALARM_WAKE;
    a->target = t;
    mutex_lock(&a->owner->lock);
    alarm_set_locked(a, at, 0);
    mutex_unlock(&a->owner->lock);
    while (!err && !fired) {
        park_prepare(&t->park);
        mutex_lock(&a->owner->lock);
        fired = a->fired;
        mutex_unlock(&a->owner->lock);
        if (!fired)
            err = task_sleep(t, NSEC_NEVER);
    }
    alarm_stop(a);
    arena_free(a);
    return fired ? 0 : err;
}
