/* SPDX-License-Identifier: Apache-2.0 */
/* The root of /proc: files of the whole kernel, and a directory for each process. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/magic.h>

#include "sentry/proc/node.h"
#include "sentry/proc/proc.h"
#include "sentry/proc/state.h"
#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"

static ssize_t readlink_self(struct proc_view *v, char *buf, size_t size)
{
    int nr = v->viewer ? proc_nr(v, v->viewer->group->pid) : 0;

    return nr ? snprintf(buf, size, "%d", nr) : -ENOENT;
}

static ssize_t readlink_thread_self(struct proc_view *v, char *buf, size_t size)
{
    int tgid = v->viewer ? proc_nr(v, v->viewer->group->pid) : 0;

    return tgid ? snprintf(buf, size, "%d/task/%d", tgid, proc_nr(v, v->viewer->pid)) : -ENOENT;
}

static ssize_t readlink_mounts(struct proc_view *v, char *buf, size_t size)
{
    (void)v;
    return snprintf(buf, size, "self/mounts");
}

static ssize_t readlink_net(struct proc_view *v, char *buf, size_t size)
{
    (void)v;
    return snprintf(buf, size, "self/net");
}

/* Any thread's number is found; only those of processes are listed. */
static int lookup_pid(struct proc_view *v, const char *name, struct proc_found *out)
{
    struct tasks *ts = tasks_of(v->arena);
    int64_t nr = proc_number(name);

    if (nr <= 0)
        return -ENOENT;
    mutex_lock(&ts->lock);
    struct pid *p = pid_find_locked(v->fs->pids, (int)nr);
    if (p && p->task) {
        out->pid = pid_get(p);
        out->entry = &proc_pid_dir;
    }
    mutex_unlock(&ts->lock);
    return out->entry ? 0 : -ENOENT;
}

static bool next_pid(struct proc_view *v, uint64_t *key, char *name, struct proc_found *out)
{
    int nr = (int)min(*key, (uint64_t)INT32_MAX);
    scoped(group) struct thread_group *g = tasks_next_group(v->fs->pids, &nr);

    if (!g)
        return false;
    *key = (uint64_t)nr;
    snprintf(name, 32, "%d", nr);
    *out = (struct proc_found){ .entry = &proc_pid_dir };
    return true;
}

static const struct proc_names pids = { .lookup = lookup_pid, .next = next_pid };

static const struct proc_entry sysvipc[] = {
    PROC_FILE("msg", 0444, proc_show_sysvipc_msg),
    PROC_FILE("sem", 0444, proc_show_sysvipc_sem),
    PROC_FILE("shm", 0444, proc_show_sysvipc_shm),
    PROC_END,
};

static const struct proc_entry tty_drivers[] = {
    PROC_TEXT("drivers", 0444,
              "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
              "/dev/console         /dev/console    5       1 system:console\n"
              "/dev/ptmx            /dev/ptmx       5       2 system\n"
              "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
              "pty_master           /dev/ptm      128 0-1048575 pty:master\n"),
    PROC_END,
};

static const struct proc_entry pressure[] = {
    PROC_TEXT("cpu", 0444,
              "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
    PROC_TEXT("io", 0444,
              "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
    PROC_TEXT("memory", 0444,
              "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
    PROC_END,
};

static const struct proc_entry root_entries[] = {
    PROC_FILE("cgroups", 0444, proc_show_cgroups),
    PROC_TEXT("cmdline", 0444, "\n"),
    PROC_TEXT("consoles", 0444, ""),
    PROC_FILE("cpuinfo", 0444, proc_show_cpuinfo),
    PROC_TEXT("devices", 0444,
              "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n"
              " 10 misc\n128 ptm\n136 pts\n\nBlock devices:\n"),
    PROC_TEXT("diskstats", 0444, ""),
    PROC_FILE("filesystems", 0444, proc_show_filesystems),
    PROC_FILE("interrupts", 0444, proc_show_interrupts),
    PROC_FILE("loadavg", 0444, proc_show_loadavg),
    PROC_TEXT("locks", 0444, ""),
    PROC_FILE("meminfo", 0444, proc_show_meminfo),
    PROC_TEXT("misc", 0444, ""),
    PROC_TEXT("modules", 0444, ""),
    PROC_LINK("mounts", readlink_mounts),
    PROC_LINK("net", readlink_net),
    PROC_TEXT("partitions", 0444, "major minor  #blocks  name\n\n"),
    PROC_DIR("pressure", 0555, pressure),
    PROC_LINK("self", readlink_self),
    PROC_FILE("softirqs", 0444, proc_show_softirqs),
    PROC_FILE("stat", 0444, proc_show_stat),
    PROC_TEXT("swaps", 0444, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    PROC_DIR("sys", 0555, proc_sys),
    PROC_DIR("sysvipc", 0555, sysvipc),
    PROC_LINK("thread-self", readlink_thread_self),
    PROC_DIR("tty", 0555, tty_drivers),
    PROC_FILE("uptime", 0444, proc_show_uptime),
    PROC_FILE("version", 0444, proc_show_version),
    PROC_FILE("vmstat", 0444, proc_show_vmstat),
    PROC_END,
};

static const struct proc_entry root = {
    .name = "/",
    .mode = S_IFDIR | 0555,
    .children = root_entries,
    .names = &pids,
};

int proc_create(struct arena *a, const char *source, const char *options, const struct actor *who,
                struct dentry **out)
{
    struct task *t = who ? who->task : NULL;

    (void)source;
    if (options && *options && strcmp(options, "hidepid=0") && strcmp(options, "hidepid=off"))
        return -EINVAL;
    int err = proc_state_create(a);
    if (err)
        return err;
    struct pid_ns *ns = t                    ? pid_ns_of(t->pid)
                        : who && who->pid_ns ? who->pid_ns
                                             : tasks_of(a)->pid_ns;
    return proc_fs_create(a, "proc", PROC_SUPER_MAGIC, &root, pid_ns_get(ns), out);
}
