/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /proc about the kernel as a whole: time, load, versions, file systems. */
#include "sentry/proc/tables.h"
#include "sentry/task/ns.h"
#include "sentry/task/tasks.h"
#include "sentry/task/usage.h"
#include "sentry/vfs/mount.h"

nsec_t proc_clock(struct arena *a, enum clock_id id)
{
    return clock_now(arena_host(a, HOST_CLOCK), id);
}

static void count_threads(struct thread_group *g, struct proc_totals *out)
{
    struct task *t;

    mutex_lock(&g->lock);
    list_for_each (t, &g->tasks, group_node) {
        out->threads++;
        if (atomic_load(&t->life) == TASK_ALIVE && atomic_load(&t->sleeping) == TASK_AWAKE)
            out->running++;
    }
    mutex_unlock(&g->lock);
}

/* What the dead had used is with whoever waited for them. */
void proc_totals(struct arena *a, struct proc_totals *out)
{
    struct thread_group *g;

    *out = (struct proc_totals){ 0 };
    for (int nr = 1; (g = tasks_next_group(tasks_of(a)->pid_ns, &nr)); nr++) {
        nsec_t user, sys;
        struct usage dead;
        group_cpu_time(g, &user, &sys);
        usage_of_children(g, &dead);
        out->user += user + dead.user;
        out->sys += sys + dead.sys;
        count_threads(g, out);
        group_put(g);
    }
}

static uint64_t idle_ticks(struct arena *a, const struct proc_totals *sum)
{
    nsec_t all = proc_clock(a, CLOCK_ID_BOOTTIME) * tasks_of(a)->cpus;

    return proc_ticks(max(all - sum->user - sum->sys, (nsec_t)0));
}

/* Which processor did what is the host's affair: each gets its share. */
static void show_cpu(struct text *t, const char *name, int n, const struct proc_totals *sum,
                     uint64_t idle, uint32_t share)
{
    if (n < 0)
        text_printf(t, "%s ", name);
    else
        text_printf(t, "%s%d", name, n);
    text_printf(t, " %lu 0 %lu %lu 0 0 0 0 0 0\n", proc_ticks(sum->user) / share,
                proc_ticks(sum->sys) / share, idle / share);
}

int proc_show_stat(struct proc_view *v, struct text *t)
{
    struct tasks *ts = tasks_of(v->arena);
    struct proc_totals sum;

    proc_totals(v->arena, &sum);
    uint64_t idle = idle_ticks(v->arena, &sum);
    show_cpu(t, "cpu", -1, &sum, idle, 1);
    for (uint32_t i = 0; i < ts->cpus; i++)
        show_cpu(t, "cpu", (int)i, &sum, idle, ts->cpus);
    nsec_t booted =
        proc_clock(v->arena, CLOCK_ID_REALTIME) - proc_clock(v->arena, CLOCK_ID_BOOTTIME);
    text_printf(t,
                "intr 0\nctxt %lu\nbtime %ld\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n"
                "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
                atomic_load(&ts->switches), booted / NSEC_PER_SEC, atomic_load(&ts->forks),
                sum.running);
    return 0;
}

static void show_cpu_heads(struct proc_view *v, struct text *t)
{
    for (uint32_t i = 0; i < tasks_of(v->arena)->cpus; i++)
        text_printf(t, "CPU%-8u", i);
    text_char(t, '\n');
}

/* No interrupt ever reaches us: there is the head of the table. */
int proc_show_interrupts(struct proc_view *v, struct text *t)
{
    text_string(t, "           ");
    show_cpu_heads(v, t);
    return 0;
}

int proc_show_softirqs(struct proc_view *v, struct text *t)
{
    text_string(t, "                    ");
    show_cpu_heads(v, t);
    return 0;
}

static void show_hundredths(struct text *t, uint64_t ticks, char end)
{
    text_printf(t, "%lu.%02lu%c", ticks / 100, ticks % 100, end);
}

int proc_show_uptime(struct proc_view *v, struct text *t)
{
    struct proc_totals sum;

    proc_totals(v->arena, &sum);
    show_hundredths(t, proc_ticks(proc_clock(v->arena, CLOCK_ID_BOOTTIME)), ' ');
    show_hundredths(t, idle_ticks(v->arena, &sum), '\n');
    return 0;
}

/* Averages would need a look every five seconds; an idle sandbox looks never. */
int proc_show_loadavg(struct proc_view *v, struct text *t)
{
    struct proc_totals sum;
    struct tasks *ts = tasks_of(v->arena);

    proc_totals(v->arena, &sum);
    mutex_lock(&ts->lock);
    int last = proc_pids(v)->last;
    mutex_unlock(&ts->lock);
    text_printf(t, "0.00 0.00 0.00 %u/%u %d\n", sum.running, sum.threads, last);
    return 0;
}

int proc_show_version(struct proc_view *v, struct text *t)
{
    (void)v;
    text_printf(t, "%s version %s (runsc@sandbox) (gcc) %s\n", UTS_SYSNAME, UTS_RELEASE,
                UTS_VERSION);
    return 0;
}

int proc_show_filesystems(struct proc_view *v, struct text *t)
{
    size_t n;
    const struct fs_type *types = vfs_fs_types(v->arena, &n);

    for (size_t i = 0; i < n; i++)
        text_printf(t, "%s\t%s\n", types[i].nodev ? "nodev" : "", types[i].name);
    return 0;
}
