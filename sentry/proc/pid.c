/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of one process, /proc/PID, and of one thread, /proc/PID/task/TID. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentry/proc/ids.h"
#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"
#include "sentry/task/timers.h"

#define CAP_SYS_RESOURCE 24
#define CAP_SYS_NICE     23

int proc_parse_number(const char *s, int64_t least, int64_t most, int64_t *out)
{
    char *end;

    s += strspn(s, " \t\n");
    long long n = strtoll(s, &end, 0);
    if (end == s || end[strspn(end, " \t\n")])
        return -EINVAL;
    if (n < least || n > most)
        return -EINVAL;
    *out = n;
    return 0;
}

/* ---- comm ---- */

static int show_comm(struct proc_view *v, struct text *t)
{
    char name[16];

    task_get_name(v->task, name);
    text_escaped(t, name, "\n");
    text_char(t, '\n');
    return 0;
}

static ssize_t write_comm(struct proc_view *v, char *s, size_t size)
{
    char name[16] = "";

    if (!v->viewer || v->viewer->group != v->task->group)
        return -EINVAL;
    memcpy(name, s, min(size, sizeof name - 1));
    task_set_name(v->task, name);
    return (ssize_t)size;
}

/* ---- the out-of-memory killer ---- */

#define OOM_ADJ_MAX   15
#define OOM_DISABLE   (-17)
#define OOM_SCORE_MAX 1000

/* How bad it would be to keep it: the share of memory it has, in thousandths, adjusted. */
static int show_oom_score(struct proc_view *v, struct text *t)
{
    scoped(mm) struct mm *mm = task_mm_get(v->task);
    struct mm_usage u = { 0 };

    if (mm)
        mm_usage(mm, &u);
    int64_t points = (int64_t)((u.rss_anon + u.rss_shmem) * OOM_SCORE_MAX / ram_total(v->arena));
    points += atomic_load(&v->task->group->oom_score_adj);
    points = (OOM_SCORE_MAX + points) * 2 / 3;
    text_printf(t, "%ld\n", max(points, (int64_t)0));
    return 0;
}

static int show_oom_score_adj(struct proc_view *v, struct text *t)
{
    text_printf(t, "%d\n", atomic_load(&v->task->group->oom_score_adj));
    return 0;
}

static ssize_t set_oom_score_adj(struct proc_view *v, int adj, size_t size)
{
    struct thread_group *g = v->task->group;
    bool power = v->viewer && task_root_capable(v->viewer, CAP_SYS_RESOURCE);
    ssize_t r = (ssize_t)size;

    mutex_lock(&g->lock);
    if (adj < g->oom_score_adj_min && !power) {
        r = -EACCES;
    } else {
        atomic_store(&g->oom_score_adj, adj);
        if (power)
            g->oom_score_adj_min = adj;
    }
    mutex_unlock(&g->lock);
    return r;
}

static ssize_t write_oom_score_adj(struct proc_view *v, char *s, size_t size)
{
    int64_t n;
    int err = proc_parse_number(s, -OOM_SCORE_MAX, OOM_SCORE_MAX, &n);

    return err ? err : set_oom_score_adj(v, (int)n, size);
}

static int show_oom_adj(struct proc_view *v, struct text *t)
{
    int adj = atomic_load(&v->task->group->oom_score_adj);

    text_printf(t, "%d\n", adj == OOM_SCORE_MAX ? OOM_ADJ_MAX : adj * -OOM_DISABLE / OOM_SCORE_MAX);
    return 0;
}

static ssize_t write_oom_adj(struct proc_view *v, char *s, size_t size)
{
    int64_t n;
    int err = proc_parse_number(s, OOM_DISABLE, OOM_ADJ_MAX, &n);

    if (err)
        return err;
    return set_oom_score_adj(
        v, n == OOM_ADJ_MAX ? OOM_SCORE_MAX : (int)n * OOM_SCORE_MAX / -OOM_DISABLE, size);
}

/* ---- what it is doing ---- */

static int show_wchan(struct proc_view *v, struct text *t)
{
    (void)v;
    text_char(t, '0');
    return 0;
}

static int show_syscall(struct proc_view *v, struct text *t)
{
    const struct guest_regs *r = &v->task->regs;
    int nr = atomic_load(&v->task->syscall_nr);

    if (task_state(v->task) == 'R')
        text_string(t, "running\n");
    else if (nr < 0)
        text_printf(t, "-1 0x%lx 0x%lx\n", r->rsp, r->rip);
    else
        text_printf(t, "%d 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", nr, r->rdi, r->rsi,
                    r->rdx, r->r10, r->r8, r->r9, r->rsp, r->rip);
    return 0;
}

static int show_personality(struct proc_view *v, struct text *t)
{
    text_printf(t, "%08x\n", atomic_load(&v->task->personality));
    return 0;
}

static int show_timerslack(struct proc_view *v, struct text *t)
{
    text_printf(t, "%lu\n", atomic_load(&v->task->timer_slack));
    return 0;
}

/* Its own, or those of whom it has the capability over. */
static bool may_set_timerslack(const struct proc_view *v)
{
    scoped(cred) struct cred *c = (struct cred *)task_cred_get(v->task);

    return v->viewer == v->task ||
           (v->viewer && cred_ns_capable(v->viewer->cred, c->user_ns, CAP_SYS_NICE));
}

static ssize_t write_timerslack(struct proc_view *v, char *s, size_t size)
{
    int64_t n;
    int err = proc_parse_number(s, 0, INT64_MAX, &n);

    if (err)
        return err;
    if (!may_set_timerslack(v))
        return -EPERM;
    atomic_store(&v->task->timer_slack, n ? (uint64_t)n : 50000);
    return (ssize_t)size;
}

static int show_timers(struct proc_view *v, struct text *t)
{
    static const char *const words[] = { "signal", "none", "thread" };
    struct posix_timer_info i;

    for (int id = 0; posix_timer_next(v->task->group, id, &i); id = i.id + 1) {
        bool thread = i.notify & SIGEV_THREAD_ID;
        text_printf(t, "ID: %d\nsignal: %d/%016lx\nnotify: %s/%s.%d\nClockID: %d\n", i.id, i.sig,
                    i.value, words[i.notify & 3 & ~SIGEV_THREAD_ID], thread ? "tid" : "pid",
                    thread ? i.tid : proc_nr(v, v->task->group->pid), i.clock);
    }
    return 0;
}

/* Core dumps are not written: what they would hold can still be asked for. */
static int show_coredump_filter(struct proc_view *v, struct text *t)
{
    (void)v;
    text_string(t, "00000033\n");
    return 0;
}

static int show_children(struct proc_view *v, struct text *t)
{
    struct tasks *ts = tasks_of(v->arena);
    struct thread_group *g;

    mutex_lock(&ts->lock);
    list_for_each (g, &v->task->group->children, sibling)
        if (g->parent_task == v->task)
            text_printf(t, "%d ", proc_nr(v, g->pid));
    mutex_unlock(&ts->lock);
    return 0;
}

/* ---- task/ ---- */

static int lookup_task(struct proc_view *v, const char *name, struct proc_found *out)
{
    struct tasks *ts = tasks_of(v->arena);
    int64_t nr = proc_number(name);

    if (nr <= 0)
        return -ENOENT;
    mutex_lock(&ts->lock);
    struct pid *p = pid_find_locked(proc_pids(v), (int)nr);
    if (p && p->task && p->task->group == v->task->group) {
        out->entry = &proc_tid_dir;
        out->pid = pid_get(p);
        out->thread = true;
    }
    mutex_unlock(&ts->lock);
    return out->entry ? 0 : -ENOENT;
}

/* The lowest number at or above `from` that a thread of the group has. */
static bool next_task(struct proc_view *v, uint64_t *key, char *name, struct proc_found *out)
{
    struct tasks *ts = tasks_of(v->arena);
    int best = 0;
    struct task *t;

    mutex_lock(&ts->lock);
    list_for_each (t, &v->task->group->tasks, group_node) {
        int nr = t->pid ? proc_nr(v, t->pid) : 0;
        if (nr > 0 && (uint64_t)nr >= *key && (!best || nr < best))
            best = nr;
    }
    mutex_unlock(&ts->lock);
    if (!best)
        return false;
    *key = (uint64_t)best;
    snprintf(name, 32, "%d", best);
    *out = (struct proc_found){ .entry = &proc_tid_dir };
    return true;
}

const struct proc_names proc_pid_tasks = { .lookup = lookup_task, .next = next_task };

/* ---- the tables ---- */

#define PEEK_FILE(nm, perm, shower)                                                  \
    {                                                                                \
        .name = (nm), .mode = S_IFREG | (perm), .flags = PROC_PEEK, .show = (shower) \
    }
#define PEEK_LINK(nm, id)                                                                         \
    {                                                                                             \
        .name = (nm), .mode = S_IFLNK | 0777, .flags = PROC_PEEK, .readlink = proc_readlink_##id, \
        .follow = proc_follow_##id                                                                \
    }
#define COUNTED_DIR(nm, perm, flag, counts)                                                     \
    {                                                                                           \
        .name = (nm), .mode = S_IFDIR | (perm), .flags = PROC_SELF | (flag), .names = &(counts) \
    }

static const struct proc_entry attr_entries[] = {
    PROC_TEXT("current", 0444, "unconfined\n"),
    PROC_END,
};

/* What a process and a thread have in common. */
#define COMMON_ENTRIES                                                                          \
    PROC_DIR("attr", 0555, attr_entries), PEEK_FILE("auxv", 0400, proc_show_auxv),              \
        PROC_FILE("cgroup", 0444, proc_show_pid_cgroup),                                        \
        { .name = "cmdline",                                                                    \
          .mode = S_IFREG | 0444,                                                               \
          .flags = PROC_RAW,                                                                    \
          .read = proc_read_cmdline },                                                          \
        PROC_FILE_W("comm", 0644, show_comm, write_comm), PROC_TEXT("cpuset", 0444, "/\n"),     \
        PEEK_LINK("cwd", cwd),                                                                  \
        { .name = "environ",                                                                    \
          .mode = S_IFREG | 0400,                                                               \
          .flags = PROC_RAW | PROC_PEEK,                                                        \
          .read = proc_read_environ },                                                          \
        PEEK_LINK("exe", exe), COUNTED_DIR("fd", 0500, 0, proc_pid_fds),                        \
        COUNTED_DIR("fdinfo", 0555, PROC_FENCED, proc_pid_fdinfos),                             \
        PROC_FILE_W("gid_map", 0644, proc_show_gid_map, proc_write_gid_map),                    \
        PEEK_FILE("io", 0400, proc_show_io), PROC_FILE("limits", 0444, proc_show_limits),       \
        PROC_TEXT("loginuid", 0644, "4294967295"), PEEK_FILE("maps", 0444, proc_show_maps),     \
        { .name = "mem",                                                                        \
          .mode = S_IFREG | 0600,                                                               \
          .flags = PROC_RAW | PROC_PEEK,                                                        \
          .read = proc_read_mem,                                                                \
          .put = proc_write_mem },                                                              \
        PROC_FILE("mountinfo", 0444, proc_show_mountinfo),                                      \
        PROC_FILE("mounts", 0444, proc_show_mounts), PROC_DIR("net", 0555, proc_net),           \
        PROC_DIR("ns", 0511, proc_pid_ns),                                                      \
        PROC_FILE_W("oom_adj", 0644, show_oom_adj, write_oom_adj),                              \
        PROC_FILE("oom_score", 0444, show_oom_score),                                           \
        PROC_FILE_W("oom_score_adj", 0644, show_oom_score_adj, write_oom_score_adj),            \
        PEEK_FILE("personality", 0400, show_personality), PEEK_LINK("root", root),              \
        PROC_FILE("sched", 0444, proc_show_sched),                                              \
        PROC_FILE("schedstat", 0444, proc_show_schedstat),                                      \
        PROC_TEXT("sessionid", 0444, "4294967295"),                                             \
        PROC_FILE_W("setgroups", 0644, proc_show_setgroups, proc_write_setgroups),              \
        PEEK_FILE("smaps", 0444, proc_show_smaps),                                              \
        PEEK_FILE("smaps_rollup", 0444, proc_show_smaps_rollup),                                \
        PROC_FILE("stat", 0444, proc_show_pid_stat), PROC_FILE("statm", 0444, proc_show_statm), \
        PROC_FILE("status", 0444, proc_show_status), PEEK_FILE("syscall", 0400, show_syscall),  \
        PROC_FILE_W("uid_map", 0644, proc_show_uid_map, proc_write_uid_map),                    \
        PROC_FILE("wchan", 0444, show_wchan)

static const struct proc_entry pid_entries[] = {
    COMMON_ENTRIES,
    PROC_FILE("coredump_filter", 0644, show_coredump_filter),
    PEEK_FILE("mountstats", 0400, proc_show_mountstats),
    COUNTED_DIR("task", 0555, 0, proc_pid_tasks),
    PROC_FILE("timers", 0444, show_timers),
    PROC_FILE_W("timerslack_ns", 0666, show_timerslack, write_timerslack),
    PROC_END,
};

static const struct proc_entry tid_entries[] = {
    COMMON_ENTRIES,
    PROC_FILE("children", 0444, show_children),
    PROC_END,
};

const struct proc_entry proc_pid_dir = PROC_DIR("pid", 0555, pid_entries);
const struct proc_entry proc_tid_dir = PROC_DIR("tid", 0555, tid_entries);
