/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container uses, in the words of runc's events, and when it had to be killed for want of
 * memory. What the host's version of cgroups does not count is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "runsc/cgroup.h"

#define TICK 10000000 /* ns of one of cpuacct.stat's */
#define USEC 1000

/* A file with one number in it; "max" is as large as JSON has them here. */
static json_int_t figure(const char *dir, const char *file)
{
    char text[64];

    if (!dir || cgroup_read(dir, file, text, sizeof text) <= 0)
        return 0;
    if (strncmp(text, "max", 3) == 0)
        return INT64_MAX;
    uint64_t v = strtoull(text, NULL, 10);
    return v > INT64_MAX ? INT64_MAX : (json_int_t)v;
}

/* A file of lines "NAME NUMBER", as an object: given. */
static json_t *figures(const char *dir, const char *file)
{
    char text[8192], *save, name[128];
    json_t *out = json_object();
    int64_t v;

    if (!dir || cgroup_read(dir, file, text, sizeof text) <= 0)
        return out;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (sscanf(line, "%127s %" SCNd64, name, &v) == 2)
            json_object_set_new(out, name, json_integer(v));
    return out;
}

static json_int_t of(const json_t *figures, const char *name)
{
    return json_integer_value(json_object_get(figures, name));
}

/* ---- processors ---- */

static json_t *each_cpu(const char *dir)
{
    char text[8192], *save;
    json_t *out = json_array();

    if (!dir || cgroup_read(dir, "cpuacct.usage_percpu", text, sizeof text) <= 0)
        return out;
    for (char *one = strtok_r(text, " \n", &save); one; one = strtok_r(NULL, " \n", &save))
        json_array_append_new(out, json_integer(strtoll(one, NULL, 10)));
    return out;
}

static json_t *cpu_v1(const json_t *cgroups)
{
    const char *acct = cgroup_path(cgroups, "cpuacct");
    json_t *spent = figures(acct, "cpuacct.stat");
    json_t *held = figures(cgroup_path(cgroups, "cpu"), "cpu.stat");
    json_t *out = json_pack("{s:{s:I, s:o, s:I, s:I}, s:{s:I, s:I, s:I}}", "usage", "total",
                            figure(acct, "cpuacct.usage"), "percpu", each_cpu(acct), "kernel",
                            of(spent, "system") * TICK, "user", of(spent, "user") * TICK,
                            "throttling", "periods", of(held, "nr_periods"), "throttledPeriods",
                            of(held, "nr_throttled"), "throttledTime", of(held, "throttled_time"));

    json_decref(spent);
    json_decref(held);
    return out;
}

static json_t *cpu_v2(const json_t *cgroups)
{
    json_t *all = figures(cgroup_path(cgroups, "cpu"), "cpu.stat");
    json_t *out = json_pack("{s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}}", "usage", "total",
                            of(all, "usage_usec") * USEC, "kernel", of(all, "system_usec") * USEC,
                            "user", of(all, "user_usec") * USEC, "throttling", "periods",
                            of(all, "nr_periods"), "throttledPeriods", of(all, "nr_throttled"),
                            "throttledTime", of(all, "throttled_usec") * USEC);

    json_decref(all);
    return out;
}

/* ---- memory ---- */

/* Files of v1 that belong together: "memory.memsw" has .limit_in_bytes, .usage_in_bytes … */
static json_t *memory_entry(const char *dir, const char *prefix)
{
    static const char *const names[][2] = {
        {"limit",    "limit_in_bytes"    },
        { "usage",   "usage_in_bytes"    },
        { "max",     "max_usage_in_bytes"},
        { "failcnt", "failcnt"           },
    };
    json_t *out = json_object();
    char file[64];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(file, sizeof file, "%s.%s", prefix, names[i][1]);
        json_object_set_new(out, names[i][0], json_integer(figure(dir, file)));
    }
    return out;
}

static json_t *memory_v1(const json_t *cgroups)
{
    const char *dir = cgroup_path(cgroups, "memory");
    json_t *raw = figures(dir, "memory.stat");

    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "cache", of(raw, "cache"), "usage",
                     memory_entry(dir, "memory"), "swap", memory_entry(dir, "memory.memsw"),
                     "kernel", memory_entry(dir, "memory.kmem"), "kernelTCP",
                     memory_entry(dir, "memory.kmem.tcp"), "raw", raw);
}

static json_t *memory_v2(const json_t *cgroups)
{
    const char *dir = cgroup_path(cgroups, "memory");
    json_t *raw = figures(dir, "memory.stat"), *events = figures(dir, "memory.events");
    json_t *out = json_pack(
        "{s:I, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:o}", "cache", of(raw, "file"), "usage",
        "limit", figure(dir, "memory.max"), "usage", figure(dir, "memory.current"), "max",
        figure(dir, "memory.peak"), "failcnt", of(events, "max"), "swap", "limit",
        figure(dir, "memory.swap.max"), "usage", figure(dir, "memory.swap.current"), "raw", raw);

    json_decref(events);
    return out;
}

json_t *cgroup_stats(const json_t *cgroups)
{
    const char *pids = cgroup_path(cgroups, "pids");
    bool v2 = cgroup_is_v2(cgroups);

    return json_pack(
        "{s:o, s:o, s:{s:I, s:I}, s:{}, s:{}}", "cpu", v2 ? cpu_v2(cgroups) : cpu_v1(cgroups),
        "memory", v2 ? memory_v2(cgroups) : memory_v1(cgroups), "pids", "current",
        figure(pids, "pids.current"), "limit", figure(pids, "pids.max"), "blkio", "hugetlb");
}

/* ---- want of memory ---- */

static int watch_v1(const char *dir)
{
    char path[PATH_MAX], text[32];

    if (snprintf(path, sizeof path, "%s/memory.oom_control", dir) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int control = open(path, O_RDONLY | O_CLOEXEC);
    int fd = control < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = fd < 0 ? -errno : 0;
    if (!err) {
        snprintf(text, sizeof text, "%d %d", fd, control);
        err = cgroup_write(dir, "cgroup.event_control", text);
    }
    if (control >= 0)
        close(control);
    if (err && fd >= 0)
        close(fd);
    return err ? err : fd;
}

static int watch_v2(const char *dir)
{
    char path[PATH_MAX];
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (snprintf(path, sizeof path, "%s/memory.events", dir) < (int)sizeof path &&
        inotify_add_watch(fd, path, IN_MODIFY) >= 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

int cgroup_oom_watch(const json_t *cgroups)
{
    const char *dir = cgroup_path(cgroups, "memory");

    if (!dir)
        return -ENOTSUP;
    return cgroup_is_v2(cgroups) ? watch_v2(dir) : watch_v1(dir);
}

/* On v1 it is told before it is counted, and once more when the cgroup is removed. */
bool cgroup_oom_seen(const json_t *cgroups, int watch, uint64_t *known)
{
    const char *dir = cgroup_path(cgroups, "memory");
    char lost[4096];

    (void)!read(watch, lost, sizeof lost);
    if (!cgroup_is_v2(cgroups))
        return cgroup_read(dir, "memory.oom_control", lost, sizeof lost) > 0;
    json_t *events = figures(dir, "memory.events");
    uint64_t kills = (uint64_t)of(events, "oom_kill");
    bool more = kills > *known;
    *known = kills;
    json_decref(events);
    return more;
}
