/* SPDX-License-Identifier: Apache-2.0 */
/* What programs read of a process: stat, statm, limits, io, schedstat. */
#include <inttypes.h>
#include <sys/resource.h>

#include "sentry/proc/ids.h"
#include "sentry/proc/tables.h"
#include "sentry/task/session.h"
#include "sentry/task/sighand.h"
#include "sentry/task/tasks.h"
#include "sentry/task/timers.h"
#include "sentry/task/usage.h"

/* Of one thread, or of the process with what it has of its children. */
static void usage_for(struct proc_view *v, struct usage *own, struct usage *children)
{
    *children = (struct usage){ 0 };
    if (v->thread) {
        usage_of_task(v->task, own);
        return;
    }
    usage_of_group(v->task->group, own);
    usage_of_children(v->task->group, children);
}

/* Addresses are nobody's business who may not look into the process. */
static bool may_see(const struct proc_view *v)
{
    return v->viewer && task_may_access(v->viewer, v->task) == 0;
}

int proc_show_pid_stat(struct proc_view *v, struct text *t)
{
    struct thread_group *g = v->task->group;
    struct mm *mm = task_mm_get(v->task);
    struct mm_layout l = { 0 };
    struct mm_usage m = { 0 };
    struct usage own, children;
    struct proc_signals s;
    struct timer_setting alarm;
    struct proc_ids ids;
    uint64_t tty = 0;
    char name[16];
    int foreground = -1;

    proc_ids(v, &ids);
    if (v->viewer)
        session_tty(v->task, v->viewer, &tty, &foreground);
    proc_signals(v->task, &s);
    usage_for(v, &own, &children);
    task_get_name(v->task, name);
    if (mm) {
        mm_usage(mm, &m);
        if (may_see(v))
            mm_get_layout(mm, &l);
        mm_put(mm);
    }
    if (itimer_get(v->task, ITIMER_REAL, &alarm))
        alarm = (struct timer_setting){ 0 };
    int nice = atomic_load(&v->task->nice);
    text_printf(t, "%d (%s) %c %d %d %d %d %d 4194304 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                ids.tid, name, task_state(v->task), ids.ppid, ids.pgid, ids.sid, (int)tty,
                foreground, own.minflt, children.minflt, own.majflt, children.majflt);
    text_printf(t, " %lu %lu %lu %lu %d %d %u 0 %lu", proc_ticks(own.user), proc_ticks(own.sys),
                proc_ticks(children.user), proc_ticks(children.sys), 20 + nice, nice,
                group_task_count(g), proc_ticks(v->task->started_boot));
    text_printf(t, " %" PRIu64 " %" PRIu64 " %" PRIu64, m.total,
                (m.rss_anon + m.rss_file + m.rss_shmem) >> PAGE_SHIFT,
                limit_soft(&g->limits, RLIMIT_RSS));
    text_printf(t,
                " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 %" PRIu64 " %" PRIu64 " %" PRIu64
                " %" PRIu64 " %d 0 0 17 0 0 %u 0 0 0",
                l.start_code, l.end_code, l.start_stack, s.pending & 0x7fffffff,
                s.blocked & 0x7fffffff, s.ignored & 0x7fffffff, s.caught & 0x7fffffff,
                may_see(v) && task_state(v->task) == 'S', atomic_load(&v->task->policy));
    text_printf(t,
                " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                " %d\n",
                l.start_data, l.end_data, l.start_brk, l.arg_start, l.arg_end, l.env_start,
                l.env_end, may_see(v) ? v->task->exit_code : 0);
    return 0;
}

int proc_show_statm(struct proc_view *v, struct text *t)
{
    struct mm *mm = task_mm_get(v->task);
    struct mm_usage u = { 0 };

    if (mm)
        mm_usage(mm, &u);
    mm_put(mm);
    text_printf(t, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 %" PRIu64 " 0\n",
                u.total >> PAGE_SHIFT, (u.rss_anon + u.rss_file + u.rss_shmem) >> PAGE_SHIFT,
                (u.rss_file + u.rss_shmem) >> PAGE_SHIFT, u.text >> PAGE_SHIFT,
                (u.data + u.stack) >> PAGE_SHIFT);
    return 0;
}

/* clang-format off */
static const struct {
    const char *name, *unit;
} limit_names[LIMIT_COUNT] = {
    [RLIMIT_CPU]        = { "Max cpu time", "seconds" },
    [RLIMIT_FSIZE]      = { "Max file size", "bytes" },
    [RLIMIT_DATA]       = { "Max data size", "bytes" },
    [RLIMIT_STACK]      = { "Max stack size", "bytes" },
    [RLIMIT_CORE]       = { "Max core file size", "bytes" },
    [RLIMIT_RSS]        = { "Max resident set", "bytes" },
    [RLIMIT_NPROC]      = { "Max processes", "processes" },
    [RLIMIT_NOFILE]     = { "Max open files", "files" },
    [RLIMIT_MEMLOCK]    = { "Max locked memory", "bytes" },
    [RLIMIT_AS]         = { "Max address space", "bytes" },
    [RLIMIT_LOCKS]      = { "Max file locks", "locks" },
    [RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
    [RLIMIT_MSGQUEUE]   = { "Max msgqueue size", "bytes" },
    [RLIMIT_NICE]       = { "Max nice priority", NULL },
    [RLIMIT_RTPRIO]     = { "Max realtime priority", NULL },
    [RLIMIT_RTTIME]     = { "Max realtime timeout", "us" },
};
/* clang-format on */

static void show_limit(struct text *t, uint64_t value)
{
    if (value == LIMIT_INFINITY)
        text_printf(t, "%-20s ", "unlimited");
    else
        text_printf(t, "%-20" PRIu64 " ", value);
}

int proc_show_limits(struct proc_view *v, struct text *t)
{
    const struct limits *l = &v->task->group->limits;

    text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < LIMIT_COUNT; i++) {
        text_printf(t, "%-25s ", limit_names[i].name);
        show_limit(t, limit_soft(l, i));
        show_limit(t, limit_hard(l, i));
        if (limit_names[i].unit)
            text_printf(t, "%-10s\n", limit_names[i].unit);
        else
            text_char(t, '\n');
    }
    return 0;
}

/* Bytes are not counted by process. */
int proc_show_io(struct proc_view *v, struct text *t)
{
    (void)v;
    text_string(t,
                "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
                "cancelled_write_bytes: 0\n");
    return 0;
}

int proc_show_schedstat(struct proc_view *v, struct text *t)
{
    text_printf(t, "%ld 0 %" PRIu64 "\n", task_cpu_time(v->task, NULL, NULL),
                atomic_load(&v->task->nvcsw) + atomic_load(&v->task->nivcsw));
    return 0;
}

int proc_show_sched(struct proc_view *v, struct text *t)
{
    nsec_t used = task_cpu_time(v->task, NULL, NULL);
    struct proc_ids ids;
    char name[16];

    proc_ids(v, &ids);
    task_get_name(v->task, name);
    text_printf(t, "%s (%d, #threads: %u)\n", name, ids.tid, group_task_count(v->task->group));
    text_string(t, "-------------------------------------------------------------------\n");
    text_printf(t, "%-45s:%21ld.%06ld\n", "se.sum_exec_runtime", used / 1000000, used % 1000000);
    text_printf(t, "%-45s:%21" PRIu64 "\n", "nr_voluntary_switches", atomic_load(&v->task->nvcsw));
    text_printf(t, "%-45s:%21" PRIu64 "\n", "nr_involuntary_switches",
                atomic_load(&v->task->nivcsw));
    text_printf(t, "%-45s:%21u\n", "policy", atomic_load(&v->task->policy));
    text_printf(t, "%-45s:%21d\n", "prio", 120 + atomic_load(&v->task->nice));
    return 0;
}
