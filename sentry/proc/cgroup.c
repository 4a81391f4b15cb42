/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup2: the one cgroup that a container is, made of the same tables as /proc. It shows limits
 * and what is used of them, for programs that fit themselves to it; nothing can be changed.
 *
 *   source    Documentation/admin-guide/cgroup-v2.rst of Linux 6.6
 */
#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>

#include "base/cpu_weight.h"
#include "sentry/mm/mm.h"
#include "sentry/proc/cgroup.h"
#include "sentry/proc/node.h"
#include "sentry/proc/proc.h"
#include "sentry/task/container.h"
#include "sentry/task/tasks.h"

/* The container of whoever looks: the sandbox's own where nobody is known to. */
struct container *cgroup_container(const struct proc_view *v)
{
    return v->viewer ? task_container(v->viewer) : tasks_of(v->arena)->first;
}

const struct container_figures *cgroup_limits(const struct proc_view *v)
{
    return &cgroup_container(v)->figures;
}

static int show_limit(struct text *t, uint64_t limit)
{
    if (limit)
        text_printf(t, "%" PRIu64 "\n", limit);
    else
        text_string(t, "max\n");
    return 0;
}

/* ---- cgroup ---- */

int cgroup_show_procs(struct proc_view *v, struct text *t)
{
    struct pid_ns *ns = v->viewer ? pid_ns_of(v->viewer->pid) : tasks_of(v->arena)->pid_ns;
    const struct container *c = cgroup_container(v);
    struct thread_group *g;

    /* Of a pod, whose containers may share their pids, this one's alone. */
    for (int nr = 1; (g = tasks_next_group(ns, &nr)) != NULL; nr++) {
        if (g->container == c)
            text_printf(t, "%d\n", nr);
        group_put(g);
    }
    return 0;
}

/* ---- cpu ---- */

static int show_cpu_max(struct proc_view *v, struct text *t)
{
    const struct container_figures *l = cgroup_limits(v);
    uint64_t quota = atomic_load(&l->quota), period = atomic_load(&l->period);

    if (quota)
        text_printf(t, "%" PRIu64 " ", quota);
    else
        text_string(t, "max ");
    text_printf(t, "%" PRIu64 "\n", period ? period : 100000);
    return 0;
}

static int show_cpu_weight(struct proc_view *v, struct text *t)
{
    uint64_t shares = atomic_load(&cgroup_limits(v)->shares);

    text_printf(t, "%" PRIu64 "\n", shares ? cpu_weight(shares) : 100);
    return 0;
}

int cgroup_show_cpus(struct proc_view *v, struct text *t)
{
    uint32_t count = tasks_of(v->arena)->cpus;

    text_printf(t, count > 1 ? "0-%u\n" : "%u\n", count - 1);
    return 0;
}

/* ---- memory ---- */

static int show_memory_max(struct proc_view *v, struct text *t)
{
    return show_limit(t, atomic_load(&cgroup_limits(v)->memory));
}

/* Alone in its sandbox, all that is in use is a container's. */
uint64_t cgroup_memory_used(const struct proc_view *v)
{
    return cgroup_container(v)->mem ? task_container_rss(cgroup_container(v)) : ram_used(v->arena);
}

static int show_memory_current(struct proc_view *v, struct text *t)
{
    text_printf(t, "%" PRIu64 "\n", cgroup_memory_used(v));
    return 0;
}

static int show_memory_stat(struct proc_view *v, struct text *t)
{
    text_printf(t,
                "anon %" PRIu64
                "\nfile 0\nkernel 0\nsock 0\nshmem 0\ninactive_file 0\n"
                "active_file 0\n",
                cgroup_memory_used(v));
    return 0;
}

/* ---- pids ---- */

int cgroup_show_pids_max(struct proc_view *v, struct text *t)
{
    return show_limit(t, atomic_load(&cgroup_limits(v)->pids));
}

int cgroup_show_pids_current(struct proc_view *v, struct text *t)
{
    struct tasks *ts = tasks_of(v->arena);

    mutex_lock(&ts->lock);
    uint32_t count = cgroup_container(v)->count;
    mutex_unlock(&ts->lock);
    text_printf(t, "%" PRIu32 "\n", count);
    return 0;
}

static const struct proc_entry root_entries[] = {
    PROC_TEXT("cgroup.controllers", 0444, "cpuset cpu memory pids\n"),
    PROC_TEXT("cgroup.events", 0444, "populated 1\nfrozen 0\n"),
    PROC_FILE("cgroup.procs", 0444, cgroup_show_procs),
    PROC_TEXT("cgroup.subtree_control", 0444, ""),
    PROC_TEXT("cgroup.type", 0444, "domain\n"),
    PROC_FILE("cpu.max", 0444, show_cpu_max),
    PROC_FILE("cpu.weight", 0444, show_cpu_weight),
    PROC_FILE("cpuset.cpus.effective", 0444, cgroup_show_cpus),
    PROC_TEXT("cpuset.mems.effective", 0444, "0\n"),
    PROC_FILE("memory.current", 0444, show_memory_current),
    PROC_TEXT("memory.high", 0444, "max\n"),
    PROC_TEXT("memory.low", 0444, "0\n"),
    PROC_FILE("memory.max", 0444, show_memory_max),
    PROC_TEXT("memory.min", 0444, "0\n"),
    PROC_FILE("memory.stat", 0444, show_memory_stat),
    PROC_TEXT("memory.swap.current", 0444, "0\n"),
    PROC_TEXT("memory.swap.max", 0444, "0\n"),
    PROC_FILE("pids.current", 0444, cgroup_show_pids_current),
    PROC_FILE("pids.max", 0444, cgroup_show_pids_max),
    PROC_END,
};

static const struct proc_entry root = PROC_DIR("/", 0555, root_entries);

int cgroup_fs_create(struct arena *a, struct dentry **out)
{
    return proc_fs_create(a, "cgroup2", CGROUP2_SUPER_MAGIC, &root, NULL, out);
}
