/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/systemd.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu_weight.h"
#include "runsc/cgroup.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define OBJECT  "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

#define PATIENCE_US 30000000ull

/* ---- names ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len > n && strcmp(text + len - n, end) == 0;
}

int scope_parse(const char *spec, const char *id, bool user, struct scope *out, struct err *e)
{
    const char *common = user ? "user.slice" : "system.slice";
    const char *first = spec ? strchr(spec, ':') : NULL;
    const char *second = first ? strchr(first + 1, ':') : NULL;
    int slice, prefix, n;

    out->user = user;
    if (!spec || !*spec) {
        snprintf(out->slice, sizeof out->slice, "%s", common);
        n = snprintf(out->unit, sizeof out->unit, "runsc-%s.scope", id);
        return n < (int)sizeof out->unit ? 0 : err_set(e, -EINVAL, "%s: too long a name", id);
    }
    if (!second || strchr(second + 1, ':') || strchr(spec, '/') || !second[1])
        return err_set(
            e, -EINVAL,
            "linux.cgroupsPath: \"%s\": with --systemd-cgroup it must be slice:prefix:name", spec);
    slice = (int)(first - spec), prefix = (int)(second - first - 1);
    n = slice ? snprintf(out->slice, sizeof out->slice, "%.*s", slice, spec)
              : snprintf(out->slice, sizeof out->slice, "%s", common);
    if (n >= (int)sizeof out->slice || !ends_with(out->slice, ".slice") || out->slice[0] == '-' ||
        strstr(out->slice, "--") || strstr(out->slice, "-.slice"))
        return err_set(e, -EINVAL, "linux.cgroupsPath: \"%s\": \"%s\" is no name of a slice", spec,
                       out->slice);
    n = snprintf(out->unit, sizeof out->unit, "%.*s%s%s.scope", prefix, first + 1,
                 prefix ? "-" : "", second + 1);
    return n < (int)sizeof out->unit
               ? 0
               : err_set(e, -EINVAL, "linux.cgroupsPath: \"%s\": too long a name", spec);
}

/* A slice "a-b.slice" is in "a.slice". */
int scope_path(const struct scope *s, const char *manager, char *out, size_t size, struct err *e)
{
    size_t used = (size_t)snprintf(out, size, "%s", strcmp(manager, "/") == 0 ? "" : manager);

    for (const char *dash = s->slice; (dash = strchr(dash, '-')) && used < size; dash++)
        used += (size_t)snprintf(out + used, size - used, "/%.*s.slice", (int)(dash - s->slice),
                                 s->slice);
    if (used < size)
        used += (size_t)snprintf(out + used, size - used, "/%s/%s", s->slice, s->unit);
    return used < size ? 0 : err_set(e, -ENAMETOOLONG, "%s: too long a path", s->unit);
}

/* ---- the bus ---- */

/* What we call of libsystemd, which is looked for only here: it would take part of each start's
 * time. */
/* clang-format off */
#define CALLS(X)                                                                       \
    X(open_system) X(open_user) X(flush_close_unref)                                   \
    X(message_new_method_call) X(message_append) X(message_open_container)             \
    X(message_close_container) X(message_read) X(message_unref) X(call) X(call_method) \
    X(match_signal) X(process) X(wait) X(get_property_string) X(error_free)
/* clang-format on */

struct bus {
    sd_bus *bus;
#define MEMBER(name) __typeof__(sd_bus_##name) *name;
    CALLS(MEMBER)
#undef MEMBER
};

static bool bus_load(struct bus *b)
{
    void *lib = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    bool all = lib;

#define LOOK_UP(name) all = all && (b->name = dlsym(lib, "sd_bus_" #name));
    CALLS(LOOK_UP)
#undef LOOK_UP
    return all;
}

static int bus_open(struct bus *b, bool user, struct err *e)
{
    *b = (struct bus){ 0 };
    if (!bus_load(b))
        return err_set(e, -ENOTCONN, "--systemd-cgroup: libsystemd.so.0 is needed for this");
    int err = user ? b->open_user(&b->bus) : b->open_system(&b->bus);
    return err < 0
               ? err_set(e, -ENOTCONN, "--systemd-cgroup: no systemd answers on the %s's bus: %s",
                         user ? "user" : "system", strerror(-err))
               : 0;
}

static void bus_close(struct bus *b)
{
    if (b->bus)
        b->flush_close_unref(b->bus);
}

/* Sends a call, whose message is taken; what came back, or NULL where that is of no interest. */
static int bus_call(struct bus *b, sd_bus_message *m, int err, const char *what, struct err *e)
{
    sd_bus_error why = SD_BUS_ERROR_NULL;

    if (err >= 0)
        err = b->call(b->bus, m, PATIENCE_US, &why, NULL);
    if (err < 0)
        err_set(e, err, "systemd: %s: %s", what, why.message ?: strerror(-err));
    if (why.name && strncmp(why.name, "org.freedesktop.DBus.Error.S", 28) == 0)
        err = e->code = -ENOTCONN; /* ServiceUnknown, Spawn.*: there is a bus, and no systemd */
    b->error_free(&why);
    b->message_unref(m);
    return err < 0 ? err : 0;
}

/* ---- limits ---- */

static int append_u64(struct bus *b, sd_bus_message *m, const char *name, uint64_t value)
{
    return b->message_append(m, "(sv)", name, "t", value);
}

/* A number of linux.resources; `none` where it is not there, or no number. */
static int64_t number_of(const struct node *resources, const char *group, const char *field,
                         int64_t none)
{
    struct node g = node_get(resources, group), n = node_get(&g, field);
    struct err ignored;
    int64_t v = none;

    return node_int(&n, INT64_MIN, INT64_MAX, &v, &ignored) ? none : v;
}

static uint64_t limit_of(int64_t v)
{
    return v < 0 ? UINT64_MAX : (uint64_t)v;
}

static int append_cpu(struct bus *b, sd_bus_message *m, const struct node *resources, bool v2)
{
    int64_t shares = number_of(resources, "cpu", "shares", 0);
    int64_t quota = number_of(resources, "cpu", "quota", 0);
    int64_t period = number_of(resources, "cpu", "period", 0);
    int err = 0;

    if (shares >= 2)
        err = append_u64(b, m, v2 ? "CPUWeight" : "CPUShares",
                         v2 ? cpu_weight((uint64_t)shares) : (uint64_t)shares);
    if (err < 0 || !quota)
        return err;
    uint64_t each_second = UINT64_MAX;
    if (quota > 0 && quota < INT64_MAX / 1000000) {
        each_second = (uint64_t)quota * 1000000 / (uint64_t)(period > 0 ? period : 100000);
        each_second = (each_second + 9999) / 10000 * 10000; /* systemd rounds down to 10 ms */
    }
    return append_u64(b, m, "CPUQuotaPerSecUSec", each_second);
}

static int append_limits(struct bus *b, sd_bus_message *m, const struct node *resources, bool v2)
{
    int64_t memory = number_of(resources, "memory", "limit", 0);
    int64_t swap = number_of(resources, "memory", "swap", 0);
    int64_t pids = number_of(resources, "pids", "limit", 0);
    int err = append_cpu(b, m, resources, v2);

    if (err >= 0 && memory)
        err = append_u64(b, m, v2 ? "MemoryMax" : "MemoryLimit", limit_of(memory));
    if (err >= 0 && v2 && swap)
        err = append_u64(b, m, "MemorySwapMax", limit_of(cgroup_swap_v2(memory, swap)));
    if (err >= 0 && pids)
        err = append_u64(b, m, "TasksMax", limit_of(v2 && pids > 0 ? cgroup_pids_v2(pids) : pids));
    return err;
}

/* ---- the scope ---- */

/* What is heard of the job that makes it. */
struct job {
    struct bus *b;
    const char *unit;
    bool done;
    char result[32]; /* "done", or what else became of it */
};

static int on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
    struct job *j = arg;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (j->b->message_read(m, "uoss", &id, &path, &unit, &result) >= 0 &&
        strcmp(unit, j->unit) == 0) {
        j->done = true;
        snprintf(j->result, sizeof j->result, "%s", result);
    }
    return 0;
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int await_job(struct bus *b, struct job *j, struct err *e)
{
    uint64_t since = now_us(), spent = 0;
    int err = 0;

    while (!j->done && err >= 0 && (spent = now_us() - since) < PATIENCE_US) {
        err = b->process(b->bus, NULL);
        if (err == 0 && !j->done)
            err = b->wait(b->bus, PATIENCE_US - spent);
    }
    if (err < 0)
        return err_set(e, err, "systemd: %s: %s", j->unit, strerror(-err));
    if (!j->done)
        return err_set(e, -ETIMEDOUT, "systemd: %s does not start", j->unit);
    if (strcmp(j->result, "done") != 0)
        return err_set(e, -EIO, "systemd: %s: %s", j->unit, j->result);
    return 0;
}

static int append_properties(struct bus *b, sd_bus_message *m, const struct scope *s,
                             const struct node *resources, bool v2, pid_t holder)
{
    static const char *const yes[] = { "Delegate", "MemoryAccounting", "CPUAccounting",
                                       "TasksAccounting" };
    static const char *const v1_v2[] = { "BlockIOAccounting", "IOAccounting" };
    int err = b->message_append(m, "(sv)", "Description", "s", "container of runsc");

    if (err >= 0)
        err = b->message_append(m, "(sv)", "Slice", "s", s->slice);
    for (size_t i = 0; i < ARRAY_LEN(yes) && err >= 0; i++)
        err = b->message_append(m, "(sv)", yes[i], "b", 1);
    if (err >= 0)
        err = b->message_append(m, "(sv)", v1_v2[v2], "b", 1);
    if (err >= 0)
        err = b->message_append(m, "(sv)", "DefaultDependencies", "b", 0);
    if (err >= 0)
        err = b->message_append(m, "(sv)", "CollectMode", "s", "inactive-or-failed");
    if (err >= 0)
        err = b->message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)holder);
    return err < 0 ? err : append_limits(b, m, resources, v2);
}

static int ask_to_start(struct bus *b, const struct scope *s, const struct node *resources, bool v2,
                        pid_t holder, struct err *e)
{
    sd_bus_message *m = NULL;
    int err =
        b->message_new_method_call(b->bus, &m, SYSTEMD, OBJECT, MANAGER, "StartTransientUnit");

    if (err >= 0)
        err = b->message_append(m, "ss", s->unit, "replace");
    if (err >= 0)
        err = b->message_open_container(m, 'a', "(sv)");
    if (err >= 0)
        err = append_properties(b, m, s, resources, v2, holder);
    if (err >= 0)
        err = b->message_close_container(m);
    if (err >= 0)
        err = b->message_append(m, "a(sa(sv))", 0);
    return bus_call(b, m, err, s->unit, e);
}

static pid_t hold(void)
{
    pid_t runsc = getpid(), pid = fork();

    if (pid)
        return pid < 0 ? -errno : pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    syscall(SYS_close_range, 0u, ~0u, 0);
    while (getppid() == runsc)
        pause();
    _exit(0);
}

void scope_release(pid_t *holder)
{
    if (*holder <= 0)
        return;
    kill(*holder, SIGKILL);
    waitpid(*holder, NULL, 0);
    *holder = 0;
}

static int start(struct bus *b, const struct scope *s, const struct node *resources, bool v2,
                 char *manager, size_t size, pid_t holder, struct err *e)
{
    struct job job = { .b = b, .unit = s->unit };
    char *group = NULL;
    int err =
        b->match_signal(b->bus, NULL, SYSTEMD, OBJECT, MANAGER, "JobRemoved", on_job_removed, &job);

    if (err < 0)
        return err_set(e, err, "systemd: %s: %s", s->unit, strerror(-err));
    /* Who starts a job hears of its end without that, too, in newer ones. */
    (void)b->call_method(b->bus, SYSTEMD, OBJECT, MANAGER, "Subscribe", NULL, NULL, "");
    err = ask_to_start(b, s, resources, v2, holder, e);
    if (!err)
        err = await_job(b, &job, e);
    if (err)
        return err;
    manager[0] = 0;
    if (s->user &&
        b->get_property_string(b->bus, SYSTEMD, OBJECT, MANAGER, "ControlGroup", NULL, &group) >= 0)
        snprintf(manager, size, "%s", group);
    free(group);
    return 0;
}

int scope_start(const struct scope *s, const struct node *resources, bool v2, char *manager,
                size_t size, pid_t *holder, struct err *e)
{
    struct bus b;
    int err = bus_open(&b, s->user, e);

    *holder = 0;
    if (!err) {
        *holder = hold();
        err = *holder < 0 ? err_set(e, *holder, "fork: %s", strerror(-*holder))
                          : start(&b, s, resources, v2, manager, size, *holder, e);
    }
    bus_close(&b);
    if (err)
        scope_release(holder);
    return err;
}

int scope_limit(const char *unit, bool user, const struct node *resources, bool v2, struct err *e)
{
    sd_bus_message *m = NULL;
    struct bus b;
    int err = bus_open(&b, user, e);

    if (!err) {
        err = b.message_new_method_call(b.bus, &m, SYSTEMD, OBJECT, MANAGER, "SetUnitProperties");
        if (err >= 0)
            err = b.message_append(m, "sb", unit, 1);
        if (err >= 0)
            err = b.message_open_container(m, 'a', "(sv)");
        if (err >= 0)
            err = append_limits(&b, m, resources, v2);
        if (err >= 0)
            err = b.message_close_container(m);
        err = bus_call(&b, m, err, unit, e);
    }
    bus_close(&b);
    return err;
}
