/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM is full: the process that holds most of it, weighted by oom_score_adj, dies.
 *
 *   source    proc(5), "oom_score_adj"; mm/oom_kill.c, Linux 6.6
 */
#include <signal.h>

#include "base/log.h"
#include "sentry/task/signal.h"
#include "sentry/task/task_priv.h"

#define OOM_ADJ_MIN  (-1000) /* never chosen */
#define OOM_PATIENCE (10 * NSEC_PER_MSEC)

static uint64_t rss_of(struct task *t)
{
    struct mm *mm = task_mm_get(t);
    struct mm_usage u;

    if (!mm)
        return 0;
    mm_usage(mm, &u);
    mm_put(mm);
    return u.rss_anon + u.rss_file + u.rss_shmem + u.page_tables + u.swap;
}

/* Bytes, plus a share of all memory for each thousandth of adjustment. 0 or less: not this one. */
static int64_t badness(struct thread_group *g, uint64_t total)
{
    int adj = atomic_load(&g->oom_score_adj);
    scoped(task) struct task *t = group_any_live(g);

    if (!t || adj == OOM_ADJ_MIN)
        return 0;
    int64_t points = (int64_t)rss_of(t) + adj * (int64_t)(total / 1000);
    return max(points, (int64_t)1);
}

static struct thread_group *choose(struct tasks *ts)
{
    struct thread_group *g, *worst = NULL;
    uint64_t total = ram_total(ts->arena);
    int64_t most = 0;
    int nr = 0;

    for (; (g = tasks_next_group(ts->pid_ns, &nr)); nr++) {
        int64_t points = badness(g, total);
        if (points > most) {
            most = points;
            group_put(worst);
            worst = group_get(g);
        }
        group_put(g);
    }
    return worst;
}

/* One is on its way out already: its memory is about to be free. */
static bool someone_dies(struct tasks *ts)
{
    struct thread_group *g;
    bool dies = false;

    mutex_lock(&ts->lock);
    list_for_each (g, &ts->groups, all) {
        mutex_lock(&g->lock);
        dies |= g->flags & GROUP_EXITING && g->nlive > 0;
        mutex_unlock(&g->lock);
    }
    mutex_unlock(&ts->lock);
    return dies;
}

void oom_kill(struct task *t)
{
    struct tasks *ts = tasks_of(t->arena);

    if (!someone_dies(ts)) {
        scoped(group) struct thread_group *victim = choose(ts);
        if (victim) {
            log_debug("out of memory: killed process %d", pid_nr(victim->pid, ts->pid_ns));
            atomic_fetch_add(&ts->oom_kills, 1);
            group_kill(victim, SIGKILL);
        }
    }
    if (task_killed(t))
        return;
    park_prepare(&t->park);
    int err = task_sleep(t, nsec_add(task_now(t, CLOCK_ID_MONOTONIC), OOM_PATIENCE));
    (void)err; /* it tries again in any case */
}
