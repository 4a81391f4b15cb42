/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that a process makes: timer_create(2) and its kin. */
#include "sentry/task/posix_timer.h"

#include <limits.h>

#include "sentry/core/slab.h"
#include "sentry/core/user.h"

#define CAP_WAKE_ALARM 35

static const struct slab_type alarm_slab =
    SLAB_TYPE(alarm, struct alarm, .const_ptrs = { PTR_AT(struct alarm, timer.ops) });

static void destroy(struct alarm *a)
{
    user_uncharge(a->owner->arena, a->charged_uid, USER_SIGNALS);
    guest_clock_close(&a->clock);
    task_put(a->target);
    slab_free(a);
}

/* Errors: EINVAL for what there is not; EOPNOTSUPP for what can be read only. */
static int check_clock(struct task *t, const struct guest_clock *c)
{
    if (c->bare)
        return -EOPNOTSUPP;
    if (c->alarm) /* Linux asks for a clock chip first: there is none here */
        return task_root_capable(t, CAP_WAKE_ALARM) ? -EOPNOTSUPP : -EPERM;
    return 0;
}

/* Whom to tell, and how: good_sigevent() of Linux. */
static int decode_notify(struct task *t, const struct posix_timer_ask *ask, struct alarm *a)
{
    int how = ask->notify & ~SIGEV_THREAD_ID;

    if (ask->notify & SIGEV_THREAD_ID) {
        a->target = task_find(t, ask->tid);
        if (!a->target || a->target->group != t->group || how != SIGEV_SIGNAL)
            return -EINVAL;
    }
    if (how != SIGEV_SIGNAL && how != SIGEV_THREAD && how != SIGEV_NONE)
        return -EINVAL;
    if (how != SIGEV_NONE && (ask->sig < 1 || ask->sig > 64))
        return -EINVAL;
    a->action = how == SIGEV_NONE ? ALARM_NONE : ALARM_SIGNAL;
    a->lazy = true;
    a->sig = ask->sig;
    a->notify = ask->notify;
    a->number = ask->clock;
    return 0;
}

/* Puts it behind those of lower numbers. The last number is followed by the first free one. */
static void enter_locked(struct group_timers *gt, struct alarm *a) HOLDS(gt->lock);
static void enter_locked(struct group_timers *gt, struct alarm *a)
{
    struct list *at = &gt->posix;
    struct alarm *b;

    a->id = gt->next_id;
    list_for_each (b, &gt->posix, node) {
        if (b->id < a->id)
            continue;
        if (b->id > a->id) {
            at = &b->node;
            break;
        }
        a->id++;
    }
    gt->next_id = a->id == INT_MAX ? 0 : a->id + 1;
    list_insert_before(at, &a->node);
}

int posix_timer_create(struct task *t, const struct posix_timer_ask *ask)
{
    struct group_timers *gt = timers_make(t->group);
    struct guest_clock clock;

    if (!gt)
        return -ENOMEM;
    int err = guest_clock_open(t, ask->clock, false, &clock);
    if (err)
        return err;
    err = check_clock(t, &clock);
    if (!err)
        err = user_charge(t->arena, t->cred->ruid, USER_SIGNALS, task_limit(t, RLIMIT_SIGPENDING));
    struct alarm *a = err ? NULL : slab_alloc(t->arena, &alarm_slab);
    if (!a) {
        if (!err)
            user_uncharge(t->arena, t->cred->ruid, USER_SIGNALS);
        guest_clock_close(&clock);
        return err == -EOPNOTSUPP || err == -EPERM ? err : -EAGAIN;
    }
    alarm_init(a, gt);
    a->clock = clock;
    a->charged_uid = t->cred->ruid;
    err = decode_notify(t, ask, a);
    if (err) {
        destroy(a);
        return err;
    }
    mutex_lock(&gt->lock);
    enter_locked(gt, a);
    a->value = ask->own_value ? ask->value : (uint64_t)a->id;
    int id = a->id;
    mutex_unlock(&gt->lock);
    return id;
}

static struct alarm *find_locked(struct group_timers *gt, int id) HOLDS(gt->lock);
static struct alarm *find_locked(struct group_timers *gt, int id)
{
    struct alarm *a;

    list_for_each (a, &gt->posix, node)
        if (a->id == id)
            return a;
    return NULL;
}

/*
 * Linux runs timers of this clock that are to be absolute from its own zero, and all
 * others from now. A moment that has passed is one that comes at once.
 */
static nsec_t moment_of(struct alarm *a, bool absolute, nsec_t value)
{
    if (!value)
        return NSEC_NEVER;
    nsec_t from = absolute ? 0 : guest_clock_now(a->owner->arena, &a->clock);
    return min(nsec_add(from, value), NSEC_NEVER - 1);
}

int posix_timer_set(struct task *t, int id, bool absolute, const struct timer_setting *set,
                    struct timer_setting *old)
{
    struct group_timers *gt = timers_of_group(t->group);

    if (!gt)
        return -EINVAL;
    mutex_lock(&gt->lock);
    struct alarm *a = find_locked(gt, id);
    if (a) {
        mutex_assert_held(&a->owner->lock);
        if (old)
            alarm_get_locked(a, old);
        alarm_set_locked(a, moment_of(a, absolute, set->value), set->value ? set->interval : 0);
    }
    mutex_unlock(&gt->lock);
    return a ? 0 : -EINVAL;
}

int posix_timer_get(struct task *t, int id, struct timer_setting *out)
{
    struct group_timers *gt = timers_of_group(t->group);

    if (!gt)
        return -EINVAL;
    mutex_lock(&gt->lock);
    struct alarm *a = find_locked(gt, id);
    if (a) {
        mutex_assert_held(&a->owner->lock);
        alarm_get_locked(a, out);
    }
    mutex_unlock(&gt->lock);
    return a ? 0 : -EINVAL;
}

int posix_timer_overrun(struct task *t, int id)
{
    struct group_timers *gt = timers_of_group(t->group);

    if (!gt)
        return -EINVAL;
    mutex_lock(&gt->lock);
    struct alarm *a = find_locked(gt, id);
    int overrun = a ? a->overrun : -EINVAL;
    mutex_unlock(&gt->lock);
    return overrun;
}

int posix_timer_delete(struct task *t, int id)
{
    struct group_timers *gt = timers_of_group(t->group);

    if (!gt)
        return -EINVAL;
    mutex_lock(&gt->lock);
    struct alarm *a = find_locked(gt, id);
    if (a)
        list_del(&a->node);
    mutex_unlock(&gt->lock);
    if (!a)
        return -EINVAL;
    alarm_stop(a);
    destroy(a);
    return 0;
}

void posix_timer_taken(struct group_timers *gt, struct abi_siginfo *si)
{
    if (!gt)
        return;
    mutex_lock(&gt->lock);
    struct alarm *a = find_locked(gt, si->timer.id);
    if (a && (int32_t)a->serial == si->timer.private) {
        mutex_assert_held(&a->owner->lock);
        si->timer.overrun = a->overrun = alarm_taken_locked(a);
        si->timer.private = 0;
    }
    mutex_unlock(&gt->lock);
}

void posix_timers_drop(struct group_timers *gt)
{
    struct list all = LIST_INIT(all);
    struct alarm *a;

    mutex_lock(&gt->lock);
    list_splice(&all, &gt->posix);
    mutex_unlock(&gt->lock);
    if (list_empty(&all))
        return;
    list_for_each (a, &all, node) {
        mutex_lock(&a->owner->lock);
        alarm_set_locked(a, NSEC_NEVER, 0);
        mutex_unlock(&a->owner->lock);
    }
    cpu_alarms_settle(gt); /* once for all of them */
    while ((a = list_pop_front(&all, struct alarm, node))) {
        timer_cancel(gt->arena, &a->timer);
        destroy(a);
    }
}

bool posix_timer_next(struct thread_group *g, int from, struct posix_timer_info *out)
{
    struct group_timers *gt = timers_of_group(g);
    struct alarm *a;
    bool found = false;

    if (!gt)
        return false;
    mutex_lock(&gt->lock);
    list_for_each (a, &gt->posix, node) {
        if (a->id < from)
            continue;
        *out = (struct posix_timer_info){
            .id = a->id,
            .sig = a->sig,
            .notify = a->notify,
            .clock = a->number,
            .tid = a->target ? task_tid(a->target, a->target) : 0,
            .value = a->value,
        };
        found = true;
        break;
    }
    mutex_unlock(&gt->lock);
    return found;
}
