/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: linux.resources, and what `runsc update` changes of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu_weight.h"
#include "runsc/cgroup.h"
#include "runsc/report.h"

/* A field: where its number goes. What v2 has no file for is NULL there. */
static const struct limit {
    const char *group, *field, *controller, *v1, *v2;
} limits[] = {
    {"memory",   "limit",           "memory", "memory.limit_in_bytes",          "memory.max"   },
    { "memory",  "reservation",     "memory", "memory.soft_limit_in_bytes",     "memory.low"   },
    { "memory",  "swap",            "memory", "memory.memsw.limit_in_bytes",    NULL           },
    { "memory",  "kernelTCP",       "memory", "memory.kmem.tcp.limit_in_bytes", NULL           },
    { "memory",  "swappiness",      "memory", "memory.swappiness",              NULL           },
    { "cpu",     "shares",          "cpu",    "cpu.shares",                     NULL           },
    { "cpu",     "period",          "cpu",    "cpu.cfs_period_us",              NULL           },
    { "cpu",     "quota",           "cpu",    "cpu.cfs_quota_us",               NULL           },
    { "cpu",     "burst",           "cpu",    "cpu.cfs_burst_us",               "cpu.max.burst"},
    { "cpu",     "realtimePeriod",  "cpu",    "cpu.rt_period_us",               NULL           },
    { "cpu",     "realtimeRuntime", "cpu",    "cpu.rt_runtime_us",              NULL           },
    { "cpu",     "idle",            "cpu",    "cpu.idle",                       "cpu.idle"     },
    { "pids",    "limit",           "pids",   "pids.max",                       "pids.max"     },
    { "blockIO", "weight",          "blkio",  "blkio.weight",                   NULL           },
};

/* What the specification knows, and we do not set. */
static const char *const unset[][2] = {
    {"blockIO",  "leafWeight"             },
    { "blockIO", "weightDevice"           },
    { "blockIO", "throttleReadBpsDevice"  },
    { "blockIO", "throttleWriteBpsDevice" },
    { "blockIO", "throttleReadIOPSDevice" },
    { "blockIO", "throttleWriteIOPSDevice"},
    { "network", "classID"                },
    { "network", "priorities"             },
};

static int set(const json_t *cgroups, const char *controller, const char *file, const char *text,
               const struct node *why, struct err *e)
{
    const char *dir = cgroup_path(cgroups, controller);
    int err = dir ? cgroup_write(dir, file, text) : -ENOENT;

    /* What the host has no file for cannot be limited; who asked should hear of it. */
    if (err == -ENOENT || err == -EACCES || err == -EPERM || err == -EROFS) {
        report_warning("%s: is not enforced: %s: %s", why->path, file, strerror(-err));
        return 0;
    }
    if (err)
        return node_error(why, e, err, "write %s to %s/%s: %s", text, dir, file, strerror(-err));
    return 0;
}

static int get_number(const struct node *group, const char *field, bool *is, int64_t *out,
                      struct node *n, struct err *e)
{
    *n = node_get(group, field);
    *is = node_is(n);
    return node_int(n, INT64_MIN, INT64_MAX, out, e);
}

/* The sum of memory and swap cannot be below memory's limit at any moment. */
static int limit_memory(const json_t *cgroups, const struct node *memory, struct err *e)
{
    struct node limit = node_get(memory, "limit"), swap = node_get(memory, "swap");
    const char *dir = cgroup_path(cgroups, "memory");
    int64_t bytes = 0, sum = 0;
    char text[32];
    int err = node_int(&limit, INT64_MIN, INT64_MAX, &bytes, e);

    if (!err)
        err = node_int(&swap, INT64_MIN, INT64_MAX, &sum, e);
    if (err || !dir || !node_is(&limit) || !node_is(&swap) || cgroup_is_v2(cgroups))
        return err;
    /* Raise what is raised first: one of the two orders works. */
    snprintf(text, sizeof text, "%lld", (long long)sum);
    (void)!cgroup_write(dir, "memory.memsw.limit_in_bytes", text);
    return 0;
}

static int limit_one(const json_t *cgroups, const struct node *resources, const struct limit *l,
                     struct err *e)
{
    bool v2 = cgroup_is_v2(cgroups), is;
    struct node group = node_get(resources, l->group), n;
    const char *file = v2 ? l->v2 : l->v1;
    int64_t v = 0;
    char text[32];
    int err = node_object(&group, e);

    if (!err)
        err = get_number(&group, l->field, &is, &v, &n, e);
    /* Of most, zero means that nothing is said of them. */
    if (err || !is || !file ||
        (v == 0 && strcmp(l->field, "swappiness") != 0 && strcmp(l->field, "idle") != 0))
        return err;
    bool pids = strcmp(l->group, "pids") == 0;
    if (v < 0 && (v2 || pids))
        strcpy(text, "max");
    else
        snprintf(text, sizeof text, "%lld", (long long)(pids && v2 ? cgroup_pids_v2(v) : v));
    return set(cgroups, l->controller, file, text, &n, e);
}

static int limit_set(const json_t *cgroups, const struct node *cpu, const char *field,
                     const char *file, struct err *e)
{
    struct node n = node_get(cpu, field);
    const char *list = NULL;
    int err = node_text(&n, &list, e);

    return err || !list || !*list ? err : set(cgroups, "cpuset", file, list, &n, e);
}

void cgroup_cpu(const json_t *cgroups, int64_t *quota, int64_t *period)
{
    const char *dir = cgroup_path(cgroups, "cpu");
    char text[64];

    *quota = -1, *period = 100000;
    if (dir && cgroup_is_v2(cgroups)) { /* "max 100000" */
        bool some = cgroup_read(dir, "cpu.max", text, sizeof text) > 0;
        if (some && sscanf(text, "%" SCNd64 " %" SCNd64, quota, period) < 1)
            (void)!sscanf(text, "max %" SCNd64, period);
    } else if (dir) {
        if (cgroup_read(dir, "cpu.cfs_quota_us", text, sizeof text) > 0)
            (void)!sscanf(text, "%" SCNd64, quota);
        if (cgroup_read(dir, "cpu.cfs_period_us", text, sizeof text) > 0)
            (void)!sscanf(text, "%" SCNd64, period);
    }
}

/* v2 has other scales for the same things; and one file where v1 has two. */
static int limit_cpu_v2(const json_t *cgroups, const struct node *cpu, struct err *e)
{
    struct node shares, quota, period;
    int64_t s = 0, q = 0, p = 0, quota_now, period_now;
    bool has_shares, has_quota, has_period;
    char text[64];
    int err = get_number(cpu, "shares", &has_shares, &s, &shares, e);

    if (!err)
        err = get_number(cpu, "quota", &has_quota, &q, &quota, e);
    if (!err)
        err = get_number(cpu, "period", &has_period, &p, &period, e);
    if (!err && has_shares && s >= 2) {
        snprintf(text, sizeof text, "%lld", (long long)cpu_weight((uint64_t)s));
        err = set(cgroups, "cpu", "cpu.weight", text, &shares, e);
    }
    if (err || (!q && !p))
        return err;
    cgroup_cpu(cgroups, &quota_now, &period_now);
    q = q ?: quota_now;
    p = p ?: period_now;
    if (q > 0)
        snprintf(text, sizeof text, "%lld %lld", (long long)q, (long long)p);
    else
        snprintf(text, sizeof text, "max %lld", (long long)p);
    return set(cgroups, "cpu", "cpu.max", text, has_quota ? &quota : &period, e);
}

int64_t cgroup_memory(const json_t *cgroups)
{
    const char *dir = cgroup_path(cgroups, "memory");
    bool v2 = cgroup_is_v2(cgroups);
    char text[32];
    int64_t bytes = -1;

    if (dir && cgroup_read(dir, v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof text) > 0)
        (void)!sscanf(text, "%" SCNd64, &bytes); /* "max" is none */
    return bytes;
}

static int limit_swap_v2(const json_t *cgroups, const struct node *memory, struct err *e)
{
    struct node limit, swap;
    int64_t bytes = 0, sum = 0;
    bool has_limit, has_swap;
    char text[32] = "max";
    int err = get_number(memory, "limit", &has_limit, &bytes, &limit, e);

    if (!err)
        err = get_number(memory, "swap", &has_swap, &sum, &swap, e);
    if (err || !has_swap || sum == 0)
        return err;
    sum = cgroup_swap_v2(bytes ?: cgroup_memory(cgroups), sum);
    if (sum >= 0)
        snprintf(text, sizeof text, "%lld", (long long)sum);
    return set(cgroups, "memory", "memory.swap.max", text, &swap, e);
}

/* Written as they are, on v2 only. */
static int limit_unified(const json_t *cgroups, const struct node *resources, struct err *e)
{
    struct node all = node_get(resources, "unified");
    const char *name;
    json_t *value;
    int err = node_object(&all, e);

    if (err || !cgroup_is_v2(cgroups))
        return err;
    json_object_foreach(all.v, name, value)
    {
        struct node one = node_get(&all, name);
        const char *text = "";

        err = node_text(&one, &text, e);
        if (!err && strchr(name, '/'))
            err = node_error(&one, e, -EINVAL, "is no file of a cgroup");
        if (!err)
            err = set(cgroups, "", name, text, &one, e);
        if (err)
            return err;
    }
    return 0;
}

/* v2's is from 1 to 10000, and the scheduler that knows v1's numbers has a file of its own. */
static int limit_weight_v2(const json_t *cgroups, const struct node *resources, struct err *e)
{
    struct node io = node_get(resources, "blockIO"), n;
    const char *dir = cgroup_path(cgroups, "io");
    int64_t weight = 0;
    char text[32];
    bool is;
    int err = get_number(&io, "weight", &is, &weight, &n, e);

    if (err || weight == 0)
        return err;
    if (weight < 10 || weight > 1000)
        return node_error(&n, e, -ERANGE, "%lld is not from 10 to 1000", (long long)weight);
    snprintf(text, sizeof text, "%lld", (long long)weight);
    if (dir && !cgroup_write(dir, "io.bfq.weight", text))
        return 0;
    snprintf(text, sizeof text, "%lld", (long long)(1 + (weight - 10) * 9999 / 990));
    return set(cgroups, "io", "io.weight", text, &n, e);
}

static bool is_empty(const json_t *v)
{
    return json_is_array(v) || json_is_object(v) ? !json_array_size(v) && !json_object_size(v)
                                                 : !json_integer_value(v);
}

static void warn_of(const struct node *n)
{
    if (node_is(n) && !is_empty(n->v))
        report_warning("%s: is not enforced", n->path);
}

static void warn_of_unset(const struct node *resources)
{
    struct node pages = node_get(resources, "hugepageLimits"), rdma = node_get(resources, "rdma");

    warn_of(&pages);
    warn_of(&rdma);
    for (size_t i = 0; i < ARRAY_LEN(unset); i++) {
        struct node group = node_get(resources, unset[i][0]), n = node_get(&group, unset[i][1]);
        warn_of(&n);
    }
}

int cgroup_limit(const json_t *cgroups, const struct node *resources, struct err *e)
{
    struct node cpu = node_get(resources, "cpu"), memory = node_get(resources, "memory");
    bool v2 = cgroup_is_v2(cgroups);
    int err = node_object(&cpu, e);

    if (!err)
        err = node_object(&memory, e);
    if (!err)
        err = limit_memory(cgroups, &memory, e);
    for (size_t i = 0; i < ARRAY_LEN(limits) && !err; i++)
        err = limit_one(cgroups, resources, &limits[i], e);
    if (!err)
        err = limit_set(cgroups, &cpu, "cpus", "cpuset.cpus", e);
    if (!err)
        err = limit_set(cgroups, &cpu, "mems", "cpuset.mems", e);
    if (!err && v2)
        err = limit_cpu_v2(cgroups, &cpu, e);
    if (!err && v2)
        err = limit_swap_v2(cgroups, &memory, e);
    if (!err && v2)
        err = limit_weight_v2(cgroups, resources, e);
    if (!err)
        warn_of_unset(resources);
    return err ? err : limit_unified(cgroups, resources, e);
}
