/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of one process as a whole: made when first needed, gone with it. */
#include "sentry/task/timers.h"

#include "sentry/core/slab.h"
#include "sentry/task/posix_timer.h"
#include "sentry/task/timers_priv.h"

static const struct slab_type group_timers_slab =
    SLAB_TYPE(group_timers, struct group_timers,
              .const_ptrs = {
                  PTR_AT(struct group_timers, tick.ops),
                  PTR_AT(struct group_timers, itimer[0].timer.ops),
                  PTR_AT(struct group_timers, itimer[1].timer.ops),
                  PTR_AT(struct group_timers, itimer[2].timer.ops),
                  PTR_AT(struct group_timers, cpu_limit.timer.ops),
              });

struct group_timers *timers_of_group(struct thread_group *g)
{
    return __atomic_load_n(&g->timers, __ATOMIC_ACQUIRE);
}

/* An alarm of the process's own: a signal of the kernel's. The clock holds no reference to it. */
static void init_own(struct group_timers *gt, struct alarm *a, enum guest_clock_kind kind,
                     enum guest_clock_what what, int sig)
{
    alarm_init(a, gt);
    a->action = ALARM_KERNEL_SIGNAL;
    a->sig = sig;
    a->clock = (struct guest_clock){ .kind = kind, .wall = CLOCK_ID_MONOTONIC, .what = what };
    if (kind == GUEST_CLOCK_GROUP)
        a->clock.group = gt->group;
}

static struct group_timers *create(struct thread_group *g)
{
    struct group_timers *gt = slab_alloc(g->arena, &group_timers_slab);

    if (!gt)
        return NULL;
    mutex_init(&gt->lock, RANK_ALARM);
    gt->arena = g->arena;
    gt->group = g;
    list_init(&gt->posix);
    timer_init(&gt->tick, &cpu_tick_ops);
    init_own(gt, &gt->itimer[ITIMER_REAL], GUEST_CLOCK_WALL, CPU_ALL, SIGALRM);
    gt->itimer[ITIMER_REAL].lazy = true;
    init_own(gt, &gt->itimer[ITIMER_VIRTUAL], GUEST_CLOCK_GROUP, CPU_USER, SIGVTALRM);
    init_own(gt, &gt->itimer[ITIMER_PROF], GUEST_CLOCK_GROUP, CPU_ALL, SIGPROF);
    init_own(gt, &gt->cpu_limit, GUEST_CLOCK_GROUP, CPU_ALL, SIGXCPU);
    return gt;
}

struct group_timers *timers_make(struct thread_group *g)
{
    struct group_timers *gt = timers_of_group(g), *first = NULL;

    if (gt)
        return gt;
    gt = create(g);
    if (!gt || __atomic_compare_exchange_n(&g->timers, &first, gt, false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_ACQUIRE))
        return gt;
    slab_free(gt); /* another thread was faster */
    return first;
}

void timers_signal_taken(struct thread_group *g, struct abi_siginfo *si)
{
    struct group_timers *gt = timers_of_group(g);

    if (si->si_code == SI_TIMER) {
        posix_timer_taken(gt, si);
    } else if (gt && si->si_signo == SIGALRM) {
        struct alarm *a = &gt->itimer[ITIMER_REAL];

        mutex_lock(&gt->lock);
        mutex_assert_held(&a->owner->lock);
        alarm_taken_locked(a);
        mutex_unlock(&gt->lock);
    }
}

void timers_exec(struct thread_group *g)
{
    struct group_timers *gt = timers_of_group(g);

    if (gt)
        posix_timers_drop(gt);
}

void timers_exit(struct thread_group *g)
{
    struct group_timers *gt = timers_of_group(g);

    if (!gt)
        return;
    posix_timers_drop(gt);
    for (int i = 0; i < ITIMERS; i++)
        alarm_stop(&gt->itimer[i]);
    alarm_stop(&gt->cpu_limit);
    timer_cancel(gt->arena, &gt->tick);
}

/* Another process may have set its RLIMIT_CPU since it ended; no tick comes of that. */
void timers_free(struct thread_group *g)
{
    if (g->timers)
        timer_try_cancel(g->arena, &g->timers->tick);
    slab_free(g->timers);
}

static nsec_t moment_after(const struct alarm *a, nsec_t span)
{
    return nsec_add(guest_clock_now(a->owner->arena, &a->clock), span);
}

int itimer_get(struct task *t, int which, struct timer_setting *out)
{
    struct group_timers *gt = timers_of_group(t->group);

    if (which < 0 || which >= ITIMERS)
        return -EINVAL;
    *out = (struct timer_setting){ 0 };
    if (gt) {
        struct alarm *a = &gt->itimer[which];

        mutex_lock(&gt->lock);
        mutex_assert_held(&a->owner->lock);
        alarm_get_locked(a, out);
        mutex_unlock(&gt->lock);
    }
    return 0;
}

int itimer_set(struct task *t, int which, const struct timer_setting *set,
               struct timer_setting *old)
{
    struct timer_setting was = { 0 };

    if (which < 0 || which >= ITIMERS)
        return -EINVAL;
    struct group_timers *gt = set->value ? timers_make(t->group) : timers_of_group(t->group);
    if (!gt && set->value)
        return -ENOMEM;
    if (gt) {
        struct alarm *a = &gt->itimer[which];
        mutex_lock(&gt->lock);
        mutex_assert_held(&a->owner->lock);
        alarm_get_locked(a, &was);
        alarm_set_locked(a, set->value ? moment_after(a, set->value) : NSEC_NEVER, set->interval);
        mutex_unlock(&gt->lock);
    }
    if (old)
        *old = was;
    return 0;
}
