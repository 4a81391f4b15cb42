/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor time is read where it is asked for, so that a system call pays nothing:
 * the platform knows what guest code has used, and the host what the task's thread has.
 */
#include "sentry/task/usage.h"

#include "base/host.h"
#include "sentry/core/platform_ref.h"
#include "sentry/task/task_priv.h"

/* The host's clock of one thread's processor time: MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED). */
static clockid_t thread_clock(int tid)
{
    return (clockid_t)(~(unsigned)tid << 3 | 6u);
}

void usage_begin(struct task *t)
{
    int tid = (int)host_gettid();

    t->host_before = host_clock_gettime(thread_clock(tid));
    atomic_store(&t->host_tid, tid);
}

void usage_end(struct task *t)
{
    bool inside = platform_of(t->arena)->ops->cpu_time_inside;
    nsec_t used = host_clock_gettime(thread_clock((int)host_gettid())) - t->host_before;

    mutex_lock(&t->group->lock);
    t->exited_sys = inside ? max(used - t->exited_user, (nsec_t)0) : used;
    mutex_unlock(&t->group->lock);
}

nsec_t task_cpu_time(struct task *t, nsec_t *user, nsec_t *sys)
{
    nsec_t u = t->exited_user, s = t->exited_sys;
    struct guest_thread *g = task_pin_guest(t);

    if (g) {
        const struct platform_ops *ops = platform_of(t->arena)->ops;
        u = ops->cpu_time(g);
        s = host_clock_gettime(thread_clock(atomic_load(&t->host_tid))) - t->host_before;
        if (ops->cpu_time_inside)
            s = max(s - u, (nsec_t)0);
        task_unpin_guest(t);
    }
    if (user)
        *user = u;
    if (sys)
        *sys = s;
    return u + s;
}

void usage_of_task(struct task *t, struct usage *out)
{
    *out = (struct usage){
        .minflt = atomic_load_explicit(&t->minflt, memory_order_relaxed),
        .majflt = atomic_load_explicit(&t->majflt, memory_order_relaxed),
        .nvcsw = atomic_load_explicit(&t->nvcsw, memory_order_relaxed),
        .nivcsw = atomic_load_explicit(&t->nivcsw, memory_order_relaxed),
    };
    task_cpu_time(t, &out->user, &out->sys);
}

void usage_add(struct usage *sum, const struct usage *more)
{
    sum->user += more->user;
    sum->sys += more->sys;
    sum->minflt += more->minflt;
    sum->majflt += more->majflt;
    sum->nvcsw += more->nvcsw;
    sum->nivcsw += more->nivcsw;
    sum->maxrss = max(sum->maxrss, more->maxrss);
}

/* What is in group->dead already is not counted again: see exit.c. */
static bool counts(struct task *t)
{
    return atomic_load(&t->life) <= TASK_EXITING;
}

void usage_of_group(struct thread_group *g, struct usage *out)
{
    struct task *t;
    struct usage one;

    mutex_lock(&g->lock);
    *out = g->dead;
    list_for_each (t, &g->tasks, group_node) {
        if (!counts(t))
            continue;
        usage_of_task(t, &one);
        usage_add(out, &one);
    }
    mutex_unlock(&g->lock);

    scoped(task) struct task *any = group_any_live(g);
    struct mm *mm = any ? task_mm_get(any) : NULL;
    if (mm) {
        struct mm_usage u;
        mm_usage(mm, &u);
        out->maxrss = max(out->maxrss, u.peak_rss);
        mm_put(mm);
    }
}

void usage_of_children(struct thread_group *g, struct usage *out)
{
    mutex_lock(&g->lock);
    *out = g->reaped;
    mutex_unlock(&g->lock);
}

nsec_t group_cpu_time(struct thread_group *g, nsec_t *user, nsec_t *sys)
{
    struct task *t;
    nsec_t u, s, one_user, one_sys;

    mutex_lock(&g->lock);
    u = g->dead.user;
    s = g->dead.sys;
    list_for_each (t, &g->tasks, group_node) {
        if (!counts(t))
            continue;
        task_cpu_time(t, &one_user, &one_sys);
        u += one_user;
        s += one_sys;
    }
    mutex_unlock(&g->lock);
    if (user)
        *user = u;
    if (sys)
        *sys = s;
    return u + s;
}

void usage_print(const struct usage *u, struct rusage *out)
{
    *out = (struct rusage){
        .ru_utime = nsec_to_timeval(u->user),
        .ru_stime = nsec_to_timeval(u->sys),
        .ru_maxrss = (long)(u->maxrss >> 10),
        .ru_minflt = (long)u->minflt,
        .ru_majflt = (long)u->majflt,
        .ru_nvcsw = (long)u->nvcsw,
        .ru_nivcsw = (long)u->nivcsw,
    };
}
