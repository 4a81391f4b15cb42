/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups of version 1: a file system for each controller, or for two of them, and a directory
 * for them to be mounted in. As in cgroup.c nothing can be changed. What is not known, as how
 * often the host held a container back, has no file.
 *
 *   source    Documentation/admin-guide/cgroup-v1 of Linux 6.6; cgroups(7), cpuset(7)
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>

#include "sentry/proc/cgroup.h"
#include "sentry/proc/node.h"
#include "sentry/proc/proc.h"
#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"
#include "sentry/task/usage.h"
#include "sentry/vfs/dentry.h"

#define NO_LIMIT (INT64_MAX & ~UINT64_C(4095)) /* of bytes: the last page that there could be */

static int show_number(struct text *t, uint64_t v)
{
    text_printf(t, "%" PRIu64 "\n", v);
    return 0;
}

/* ---- cpu, cpuacct ---- */

static int show_quota(struct proc_view *v, struct text *t)
{
    uint64_t quota = atomic_load(&cgroup_limits(v)->quota);

    if (quota)
        return show_number(t, quota);
    text_string(t, "-1\n");
    return 0;
}

static int show_period(struct proc_view *v, struct text *t)
{
    uint64_t period = atomic_load(&cgroup_limits(v)->period);

    return show_number(t, period ? period : 100000);
}

static int show_shares(struct proc_view *v, struct text *t)
{
    uint64_t shares = atomic_load(&cgroup_limits(v)->shares);

    return show_number(t, shares ? shares : 1024);
}

/* What the dead had used is with whoever waited for them. */
static void cpu_used(const struct proc_view *v, nsec_t *user, nsec_t *sys)
{
    struct container *c = cgroup_container(v);
    struct thread_group *g;

    *user = *sys = 0;
    for (int nr = 1; (g = tasks_next_group(tasks_of(v->arena)->pid_ns, &nr)); nr++) {
        struct usage dead;
        nsec_t u, s;

        if (g->container == c) {
            group_cpu_time(g, &u, &s);
            usage_of_children(g, &dead);
            *user += u + dead.user;
            *sys += s + dead.sys;
        }
        group_put(g);
    }
}

static int show_cpu_usage(struct proc_view *v, struct text *t)
{
    nsec_t user, sys;

    cpu_used(v, &user, &sys);
    return show_number(t, (uint64_t)(user + sys));
}

static int show_cpu_stat(struct proc_view *v, struct text *t)
{
    nsec_t user, sys;

    cpu_used(v, &user, &sys);
    text_printf(t, "user %lu\nsystem %lu\n", proc_ticks(user), proc_ticks(sys));
    return 0;
}

/* ---- memory ---- */

static uint64_t memory_limit(const struct proc_view *v)
{
    uint64_t limit = atomic_load(&cgroup_limits(v)->memory);

    return limit ? limit : NO_LIMIT;
}

static int show_memory_limit(struct proc_view *v, struct text *t)
{
    return show_number(t, memory_limit(v));
}

static int show_memory_usage(struct proc_view *v, struct text *t)
{
    return show_number(t, cgroup_memory_used(v));
}

static int show_memory_stat(struct proc_view *v, struct text *t)
{
    uint64_t used = cgroup_memory_used(v), limit = memory_limit(v);

    text_printf(t,
                "cache 0\nrss %" PRIu64
                "\nmapped_file 0\nswap 0\ninactive_file 0\nactive_file 0\n"
                "hierarchical_memory_limit %" PRIu64 "\nhierarchical_memsw_limit %" PRIu64 "\n",
                used, limit, limit);
    text_printf(t,
                "total_cache 0\ntotal_rss %" PRIu64
                "\ntotal_mapped_file 0\ntotal_swap 0\n"
                "total_inactive_file 0\ntotal_active_file 0\n",
                used);
    return 0;
}

/* ---- the tables ---- */

#define COMMON_ENTRIES                                      \
    PROC_TEXT("cgroup.clone_children", 0444, "0\n"),        \
        PROC_FILE("cgroup.procs", 0444, cgroup_show_procs), \
        PROC_TEXT("notify_on_release", 0444, "0\n"), PROC_FILE("tasks", 0444, cgroup_show_procs)

static const struct proc_entry cpu_entries[] = {
    COMMON_ENTRIES,
    PROC_FILE("cpu.cfs_period_us", 0444, show_period),
    PROC_FILE("cpu.cfs_quota_us", 0444, show_quota),
    PROC_FILE("cpu.shares", 0444, show_shares),
    PROC_FILE("cpuacct.stat", 0444, show_cpu_stat),
    PROC_FILE("cpuacct.usage", 0444, show_cpu_usage),
    PROC_END,
};

static const struct proc_entry cpuset_entries[] = {
    COMMON_ENTRIES,
    PROC_FILE("cpuset.cpus", 0444, cgroup_show_cpus),
    PROC_FILE("cpuset.effective_cpus", 0444, cgroup_show_cpus),
    PROC_TEXT("cpuset.effective_mems", 0444, "0\n"),
    PROC_TEXT("cpuset.mems", 0444, "0\n"),
    PROC_END,
};

static const struct proc_entry memory_entries[] = {
    COMMON_ENTRIES,
    PROC_FILE("memory.limit_in_bytes", 0444, show_memory_limit),
    PROC_FILE("memory.memsw.limit_in_bytes", 0444, show_memory_limit),
    PROC_FILE("memory.memsw.usage_in_bytes", 0444, show_memory_usage),
    PROC_TEXT("memory.oom_control", 0444, "oom_kill_disable 0\nunder_oom 0\n"),
    PROC_FILE("memory.stat", 0444, show_memory_stat),
    PROC_FILE("memory.usage_in_bytes", 0444, show_memory_usage),
    PROC_TEXT("memory.use_hierarchy", 0444, "1\n"),
    PROC_END,
};

static const struct proc_entry pids_entries[] = {
    COMMON_ENTRIES,
    PROC_FILE("pids.current", 0444, cgroup_show_pids_current),
    PROC_FILE("pids.max", 0444, cgroup_show_pids_max),
    PROC_END,
};

/* Its number is its place here, from 1 on; 0 is version 2. */
static const struct hierarchy {
    const char *options; /* of the mount: a comma, and then its controllers */
    struct proc_entry root;
} hierarchies[] = {
    {",cpuset",       PROC_DIR("/", 0555, cpuset_entries)},
    { ",cpu,cpuacct", PROC_DIR("/", 0555, cpu_entries)   },
    { ",memory",      PROC_DIR("/", 0555, memory_entries)},
    { ",pids",        PROC_DIR("/", 0555, pids_entries)  },
};

static const char *controllers_of(const struct hierarchy *h)
{
    return h->options + 1;
}

int cgroup_v1_create(struct arena *a, const char *controllers, struct dentry **out)
{
    for (size_t i = 0; i < ARRAY_LEN(hierarchies); i++) {
        const struct hierarchy *h = &hierarchies[i];
        const struct superblock_origin shown = { "cgroup", h->options, "" };

        if (strcmp(controllers_of(h), controllers) != 0)
            continue;
        int err = proc_fs_create(a, "cgroup", CGROUP_SUPER_MAGIC, &h->root, NULL, out);
        if (!err) {
            err = superblock_set_origin(dentry_inode(*out)->sb, &shown);
            if (err)
                dentry_put(*out);
        }
        return err;
    }
    return -EINVAL;
}

/* ---- where they are mounted ---- */

static ssize_t readlink_both(struct proc_view *v, char *buf, size_t size)
{
    (void)v;
    return snprintf(buf, size, "cpu,cpuacct");
}

static const struct proc_entry nothing[] = { PROC_END };
static const struct proc_entry place_entries[] = {
    PROC_LINK("cpu", readlink_both),
    PROC_DIR("cpu,cpuacct", 0555, nothing),
    PROC_LINK("cpuacct", readlink_both),
    PROC_DIR("cpuset", 0555, nothing),
    PROC_DIR("memory", 0555, nothing),
    PROC_DIR("pids", 0555, nothing),
    PROC_END,
};
static const struct proc_entry places = PROC_DIR("/", 0755, place_entries);

int cgroup_places_create(struct arena *a, struct dentry **out)
{
    return proc_fs_create(a, "tmpfs", TMPFS_MAGIC, &places, NULL, out);
}

/* ---- what /proc says of them ---- */

/* The sandbox is the root of each hierarchy, as its own cgroup namespace shows it. */
int proc_show_pid_cgroup(struct proc_view *v, struct text *t)
{
    if (task_container(v->task)->cgroup_v1)
        for (size_t i = ARRAY_LEN(hierarchies); i > 0; i--)
            text_printf(t, "%zu:%s:/\n", i, controllers_of(&hierarchies[i - 1]));
    text_string(t, "0::/\n");
    return 0;
}

int proc_show_cgroups(struct proc_view *v, struct text *t)
{
    bool v1 = cgroup_container(v)->cgroup_v1;

    text_string(t, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    for (size_t i = 0; i < ARRAY_LEN(hierarchies); i++) {
        const char *comma = hierarchies[i].options;
        while (*comma) {
            const char *name = comma + 1;
            comma = name + strcspn(name, ",");
            text_printf(t, "%.*s\t%zu\t1\t1\n", (int)(comma - name), name, v1 ? i + 1 : 0);
        }
    }
    return 0;
}
