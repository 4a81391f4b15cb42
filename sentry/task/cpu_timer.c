/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms on processor time. Nobody tells us when a thread has used so much of it,
 * so we look: at the earliest moment at which an alarm could be due if all its
 * process's threads ran from now on.
 *
 * While all of them sleep that moment moves away as fast as time passes. Then
 * nothing is set (`parked`), and whichever thread goes on first sets it again.
 *
 * The alarms stand in a tree, those of one clock side by side, the earliest first. So a
 * look reads each clock once, however many alarms there are on it.
 *
 * A tick lets each alarm that is due expire once, as Linux does: a period may be
 * shorter than it takes us to look at the clock, and then it would never end. Between
 * two of them there is a pause, which grows with what the last one took: the thread
 * for timers is everybody's.
 */
#include "sentry/task/timers_priv.h"

#define LOOK_MIN NSEC_PER_MSEC
#define REST     8 /* times as long as a tick took */

static const struct thread_group *group_of(const struct alarm *a)
{
    return a->clock.task ? a->clock.task->group : a->clock.group;
}

/* ---- the tree ---- */

/* By clock first: any order will do. Below 0, 0 or above 0. */
static int compare_clocks(const struct guest_clock *a, const struct guest_clock *b)
{
    const uintptr_t of_a[] = { (uintptr_t)a->task, (uintptr_t)a->group, a->what };
    const uintptr_t of_b[] = { (uintptr_t)b->task, (uintptr_t)b->group, b->what };

    for (size_t i = 0; i < ARRAY_LEN(of_a); i++) {
        if (of_a[i] != of_b[i])
            return of_a[i] < of_b[i] ? -1 : 1;
    }
    return 0;
}

static bool is_before(const struct rb_node *a, const struct rb_node *b)
{
    const struct alarm *x = rb_entry(a, const struct alarm, cpu_node);
    const struct alarm *y = rb_entry(b, const struct alarm, cpu_node);
    int order = compare_clocks(&x->clock, &y->clock);

    return order ? order < 0 : x->at < y->at;
}

static struct alarm *first_of(const struct group_timers *gt)
{
    return rb_entry_or_null(rb_first(&gt->cpu), struct alarm, cpu_node);
}

/* The earliest on the clock after that of `a`. */
static struct alarm *first_of_next_clock(const struct group_timers *gt, const struct alarm *a)
{
    struct alarm *best = NULL;

    for (struct rb_node *n = gt->cpu.node; n;) {
        struct alarm *at = rb_entry(n, struct alarm, cpu_node);
        if (compare_clocks(&at->clock, &a->clock) > 0) {
            best = at;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

static void take_out_locked(struct alarm *a) HOLDS(a->owner->lock);
static void take_out_locked(struct alarm *a)
{
    if (a->cpu_armed)
        rb_erase(&a->owner->cpu, &a->cpu_node);
    a->cpu_armed = false;
    list_del(&a->due_node);
}

/* ---- when to look ---- */

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

    for (struct alarm *a = first_of(gt); a; a = first_of_next_clock(gt, a)) {
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
    timer_arm(gt->arena, &gt->tick, max(nsec_add(now, wait), gt->rests_until));
}

/* Behind another of its clock nothing changes; nor, for now, where a tick is under way. */
void cpu_alarm_arm_locked(struct alarm *a)
{
    struct group_timers *gt = a->owner;

    take_out_locked(a);
    a->cpu_armed = true;
    rb_insert(&gt->cpu, &a->cpu_node, is_before);
    struct alarm *before = rb_entry_or_null(rb_prev(&a->cpu_node), struct alarm, cpu_node);
    if (!gt->ticking && !(before && compare_clocks(&before->clock, &a->clock) == 0))
        plan_locked(a->owner);
}

/* A tick that comes for nobody plans again. */
void cpu_alarm_disarm_locked(struct alarm *a)
{
    struct group_timers *gt = a->owner;

    take_out_locked(a);
    if (rb_empty(&gt->cpu) && !gt->ticking)
        timer_try_cancel(gt->arena, &gt->tick);
}

void cpu_alarms_settle(struct group_timers *gt)
{
    timer_cancel(gt->arena, &gt->tick);
    mutex_lock(&gt->lock);
    plan_locked(gt);
    mutex_unlock(&gt->lock);
}

/* ---- the look ---- */

/* Of each clock, all whose moment has come. */
static void take_due_locked(struct group_timers *gt, struct list *due) HOLDS(gt->lock);
static void take_due_locked(struct group_timers *gt, struct list *due)
{
    for (struct alarm *a = first_of(gt), *next; a; a = next) {
        nsec_t now = guest_clock_now(gt->arena, &a->clock);
        next = first_of_next_clock(gt, a);
        while (a && a != next && a->at <= now) {
            struct alarm *after = rb_entry_or_null(rb_next(&a->cpu_node), struct alarm, cpu_node);
            mutex_assert_held(&a->owner->lock);
            take_out_locked(a);
            list_push_back(due, &a->due_node);
            a = after;
        }
    }
}

/* As many times as long as the tick took, the thread for timers is free for others. */
static void rest_locked(struct group_timers *gt, nsec_t began) HOLDS(gt->lock);
static void rest_locked(struct group_timers *gt, nsec_t began)
{
    nsec_t now = clock_now(arena_host(gt->arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);

    gt->rests_until = nsec_add(now, REST * (now - began));
}

static void tick(struct timer *timer)
{
    struct group_timers *gt = container_of(timer, struct group_timers, tick);
    nsec_t began = clock_now(arena_host(gt->arena, HOST_CLOCK), CLOCK_ID_MONOTONIC);
    struct list due = LIST_INIT(due);
    struct alarm *a;

    mutex_lock(&gt->lock);
    gt->ticking = true;
    take_due_locked(gt, &due);
    while ((a = list_pop_front(&due, struct alarm, due_node))) {
        mutex_unlock(&gt->lock);
        alarm_expire(a);
        mutex_lock(&gt->lock);
    }
    gt->ticking = false;
    rest_locked(gt, began);
    plan_locked(gt);
    mutex_unlock(&gt->lock);
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
