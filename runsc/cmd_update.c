/* SPDX-License-Identifier: Apache-2.0 */
/* runsc update: other limits for a container that runs; checkpoint and restore: not yet. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runsc/cgroup.h"
#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/parse.h"
#include "runsc/peer.h"
#include "runsc/systemd.h"

struct request {
    struct command c;
    json_t *resources; /* as linux.resources */
    const char *file;
};

static int take_file(void *into, const char *value, struct err *e)
{
    (void)e;
    ((struct request *)into)->file = value;
    return 0;
}

static int put(struct request *r, const char *group, const char *field, json_t *value)
{
    json_t *g = json_object_get(r->resources, group);

    if (!g) {
        g = json_object();
        json_object_set_new(r->resources, group, g);
    }
    json_object_set_new(g, field, value);
    return 0;
}

static int put_number(struct request *r, const char *group, const char *field, const char *flag,
                      const char *text, struct err *e)
{
    char *end;

    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (!*text || *end || errno)
        return err_set(e, -EINVAL, "%s: \"%s\" is no number", flag, text);
    return put(r, group, field, json_integer(v));
}

static int put_bytes(struct request *r, const char *field, const char *flag, const char *text,
                     struct err *e)
{
    uint64_t v;

    if (strcmp(text, "-1") == 0)
        return put(r, "memory", field, json_integer(-1));
    int err = parse_size(text, flag, &v, e);
    return err ? err : put(r, "memory", field, json_integer((json_int_t)v));
}

#define NUMBER(name, group, field, flag)                                 \
    static int take_##name(void *into, const char *value, struct err *e) \
    {                                                                    \
        return put_number(into, group, field, flag, value, e);           \
    }
#define BYTES(name, field, flag)                                         \
    static int take_##name(void *into, const char *value, struct err *e) \
    {                                                                    \
        return put_bytes(into, field, flag, value, e);                   \
    }
#define TEXT(name, field)                                                \
    static int take_##name(void *into, const char *value, struct err *e) \
    {                                                                    \
        (void)e;                                                         \
        return put(into, "cpu", field, json_string(value));              \
    }
NUMBER(period, "cpu", "period", "--cpu-period")
NUMBER(quota, "cpu", "quota", "--cpu-quota")
NUMBER(shares, "cpu", "shares", "--cpu-share")
NUMBER(rt_period, "cpu", "realtimePeriod", "--cpu-rt-period")
NUMBER(rt_runtime, "cpu", "realtimeRuntime", "--cpu-rt-runtime")
NUMBER(pids, "pids", "limit", "--pids-limit")
NUMBER(weight, "blockIO", "weight", "--blkio-weight")
BYTES(memory, "limit", "--memory")
BYTES(reservation, "reservation", "--memory-reservation")
BYTES(swap, "swap", "--memory-swap")
TEXT(cpus, "cpus")
TEXT(mems, "mems")

/* As runc where the host has no resctrl. */
static int take_cache(void *into, const char *value, struct err *e)
{
    (void)into;
    return *value ? err_set(e, -EINVAL, "Intel RDT/CAT: l3 cache schema is not enabled") : 0;
}

static int take_bandwidth(void *into, const char *value, struct err *e)
{
    (void)into;
    return *value ? err_set(e, -EINVAL, "Intel RDT/MBA: memory bandwidth schema is not enabled")
                  : 0;
}

/* clang-format off */
static const struct flag flags[] = {
    { "resources",          'r', "FILE", "linux.resources as JSON; -: stdin", take_file, false },
    { "blkio-weight",       0,   "N",    "share of the disks", take_weight, false },
    { "cpu-period",         0,   "US",   "what a quota is of", take_period, false },
    { "cpu-quota",          0,   "US",   "processor time in a period", take_quota, false },
    { "cpu-share",          0,   "N",    "share of the processors", take_shares, false },
    { "cpu-rt-period",      0,   "US",   "what a real-time runtime is of", take_rt_period, false },
    { "cpu-rt-runtime",     0,   "US",   "real-time processor time in a period", take_rt_runtime, false },
    { "cpuset-cpus",        0,   "LIST", "which processors", take_cpus, false },
    { "cpuset-mems",        0,   "LIST", "which nodes of memory", take_mems, false },
    { "memory",             0,   "SIZE", "memory", take_memory, false },
    { "memory-reservation", 0,   "SIZE", "memory that it is left with", take_reservation, false },
    { "memory-swap",        0,   "SIZE", "memory and swap; -1: any", take_swap, false },
    { "l3-cache-schema",    0,   "TEXT", "share of the cache: there is none", take_cache, false },
    { "mem-bw-schema",      0,   "TEXT", "share of the memory's bus: there is none", take_bandwidth, false },
    { "pids-limit",         0,   "N",    "processes", take_pids, false },
    COMMAND_FLAGS
};
/* clang-format on */

static int read_file(struct request *r, struct err *e)
{
    json_error_t why;
    json_t *file;

    if (!r->file)
        return 0;
    if (strcmp(r->file, "-") == 0) {
        file = json_load_whole(STDIN_FILENO, &why);
        if (!file)
            return err_set(e, -EINVAL, "stdin: line %d: %s", why.line, why.text);
    } else {
        int err = json_read(r->file, &file, e);
        if (err)
            return err;
    }
    json_decref(r->resources); /* as runc: who gives a file gives all of it */
    r->resources = file;
    struct node n = node_top(file, strcmp(r->file, "-") == 0 ? "stdin" : r->file);
    return node_object(&n, e);
}

/* Puts `value` where there is nothing yet beside `other`. */
static void complete(json_t *resources, const char *group, const char *field, const char *other,
                     int64_t value)
{
    json_t *g = json_object_get(resources, group);

    if (json_integer_value(json_object_get(g, other)) &&
        !json_integer_value(json_object_get(g, field)))
        json_object_set_new(g, field, json_integer(value));
}

/* What is told to a systemd, which knows no period and no sum of memory and swap: with one of such
 * a pair comes the other as it is. */
static json_t *completed(const json_t *cgroups, const json_t *resources)
{
    json_t *all = json_deep_copy(resources);
    int64_t quota, period;

    cgroup_cpu(cgroups, &quota, &period);
    complete(all, "cpu", "quota", "period", quota);
    complete(all, "cpu", "period", "quota", period);
    complete(all, "memory", "limit", "swap", cgroup_memory(cgroups));
    return all;
}

/* Where the cgroup is a scope of systemd's, what that believes is changed first: it may write it
 * again. */
static int limit(const struct container *c, const struct node *resources, struct err *e)
{
    const json_t *cgroups = container_get(c, "cgroups");
    const char *path = cgroup_path(cgroups, "memory"), *unit = path ? strrchr(path, '/') : NULL;
    const char *dot = unit ? strrchr(unit, '.') : NULL;
    int err = 0;

    if (dot && strcmp(dot, ".scope") == 0) {
        struct node n = node_top(completed(cgroups, resources->v), "resources");
        err = scope_limit(unit + 1, !command_is_real_root(), &n, cgroup_is_v2(cgroups), e);
        json_decref(n.v);
    }
    if (err == -ENOTCONN)
        err = e->code = 0; /* nobody believes anything */
    return err ? err : cgroup_limit(cgroups, resources, e);
}

/* What the sentry keeps, or shows, of what was asked for. */
static int tell_sentry(const struct container *c, const struct node *resources, struct err *e)
{
    static const struct {
        const char *group, *field;
        enum option_limit which;
    } told[] = {
        {"memory", "limit",  OPTION_LIMIT_MEMORY},
        { "pids",  "limit",  OPTION_LIMIT_PIDS  },
        { "cpu",   "quota",  OPTION_LIMIT_QUOTA },
        { "cpu",   "period", OPTION_LIMIT_PERIOD},
        { "cpu",   "shares", OPTION_LIMIT_SHARES},
    };
    int err = 0;

    for (size_t i = 0; i < ARRAY_LEN(told) && !err; i++) {
        struct node group = node_get(resources, told[i].group), n = node_get(&group, told[i].field);
        int64_t v = 0;

        err = node_int(&n, INT64_MIN, INT64_MAX, &v, e);
        if (!err && v) /* 0: as it is */
            err = peer_limit(c, told[i].which, v > 0 ? (uint64_t)v : 0, e);
    }
    return err;
}

int cmd_update(char *const argv[], struct err *e)
{
    struct request r = { .resources = json_object() };
    struct container c = { .dir = -1 };
    char *const *rest;
    int err = command_parse(flags, ARRAY_LEN(flags), argv, &r, "update [FLAGS] CONTAINER", 1, 1,
                            &rest, e);

    if (!err)
        err = container_open(command_root(&r.c), rest[0], true, &c, e);
    if (!err)
        err = read_file(&r, e);
    if (!err && container_status(&c) == STATUS_STOPPED)
        err = err_set(e, -EINVAL, "container %s is not running", c.id);
    /* At its birth a user's container goes without limits, with a warning; who asks for one
     * now must hear that there is none. */
    if (!err && json_array_size(container_get(&c, "cgroups")) == 0)
        err = err_set(e, -ENOTSUP, "container %s has no cgroup that could limit it", c.id);
    if (!err) {
        struct node n = node_top(r.resources, "resources");
        err = limit(&c, &n, e);
        bool hears = container_status(&c) != STATUS_PAUSED;
        if (!err && !hears)
            report_warning("container %s is paused: inside, its limits stay what they were", c.id);
        if (!err && hears)
            err = tell_sentry(&c, &n, e);
    }
    json_decref(r.resources);
    container_close(&c);
    return err < 0 ? EXIT_FAILED : 0;
}

/* ---- what engines ask whether it is there ---- */

static int not_yet(char *const argv[], struct err *e)
{
    /* Engines ask so whether there is a command at all. */
    for (char *const *word = argv + 1; *word; word++) {
        if (strcmp(*word, "--help") != 0)
            continue;
        printf("usage: runsc %s CONTAINER\n\nis not there yet.\n", argv[0]);
        return 0;
    }
    err_set(e, -ENOTSUP, "%s is not there yet", argv[0]);
    return EXIT_FAILED;
}

int cmd_checkpoint(char *const argv[], struct err *e)
{
    return not_yet(argv, e);
}

int cmd_restore(char *const argv[], struct err *e)
{
    return not_yet(argv, e);
}
