/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: names, and what we say to a systemd, which is played by a thread of this test. */
#include "runsc/systemd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static struct err e;

/* ---- names ---- */

static const char *path_of(const char *spec, bool user)
{
    static char path[4096];
    struct scope s;

    if (scope_parse(spec, "ID", user, &s, &e) || scope_path(&s, "", path, sizeof path, &e))
        return NULL;
    return path;
}

Test(scope, a_spec_names_a_directory)
{
    cr_expect_str_eq(path_of("machine.slice:libpod:12", false), "/machine.slice/libpod-12.scope");
    cr_expect_str_eq(path_of(":docker:12", false), "/system.slice/docker-12.scope");
    cr_expect_str_eq(path_of("user.slice::12", true), "/user.slice/12.scope");
    cr_expect_str_eq(path_of("a-b-c.slice:cri:1", false),
                     "/a.slice/a-b.slice/a-b-c.slice/cri-1.scope");
    cr_expect_str_eq(path_of(NULL, false), "/system.slice/runsc-ID.scope");
    cr_expect_str_eq(path_of("", true), "/user.slice/runsc-ID.scope");
}

Test(scope, what_is_none_is_refused)
{
    static const char *const bad[] = { "/docker/12",     "a.slice:b",     "a.slice:b:",
                                       "a:b:c",          "a.slice:b:c:d", "-.slice:b:c",
                                       "a--b.slice:c:d", "a-.slice:b:c",  "a.slice:../..:c" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_null(path_of(bad[i], false), "%s", bad[i]);
        cr_expect_not_null(strstr(e.text, "cgroupsPath"), "%s: %s", bad[i], e.text);
    }
}

/* ---- a systemd ---- */

struct fake {
    char path[108];
    int listener;
    const char *result; /* of each job; NULL: none is begun */
    pthread_t thread;
    char heard[4096]; /* calls and properties, a line each */
};

static void hear(struct fake *f, const char *name, const char *value)
{
    size_t used = strlen(f->heard);

    snprintf(f->heard + used, sizeof f->heard - used, "%s=%s\n", name, value);
}

static void hear_property(struct fake *f, sd_bus_message *m)
{
    const char *name, *type, *text = "";
    char value[64];
    uint64_t number = 0;
    int yes = 0;

    cr_assert_geq(sd_bus_message_read(m, "s", &name), 0);
    cr_assert_geq(sd_bus_message_peek_type(m, NULL, &type), 0);
    if (strcmp(type, "s") == 0) {
        cr_assert_geq(sd_bus_message_read(m, "v", "s", &text), 0);
        hear(f, name, text);
    } else if (strcmp(type, "b") == 0) {
        cr_assert_geq(sd_bus_message_read(m, "v", "b", &yes), 0);
        hear(f, name, yes ? "yes" : "no");
    } else if (strcmp(type, "t") == 0) {
        cr_assert_geq(sd_bus_message_read(m, "v", "t", &number), 0);
        snprintf(value, sizeof value, "%llu", (unsigned long long)number);
        hear(f, name, number == UINT64_MAX ? "infinity" : value);
    } else {
        const void *pids;
        size_t size;
        cr_assert_str_eq(type, "au");
        cr_assert_geq(sd_bus_message_enter_container(m, 'v', "au"), 0);
        cr_assert_geq(sd_bus_message_read_array(m, 'u', &pids, &size), 0);
        cr_assert_geq(sd_bus_message_exit_container(m), 0);
        cr_assert_eq(size, 4);
        hear(f, name, kill(*(const pid_t *)pids, 0) == 0 ? "one that lives" : "one that is dead");
    }
}

static void hear_properties(struct fake *f, sd_bus_message *m)
{
    cr_assert_geq(sd_bus_message_enter_container(m, 'a', "(sv)"), 0);
    while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
        hear_property(f, m);
        cr_assert_geq(sd_bus_message_exit_container(m), 0);
    }
    cr_assert_geq(sd_bus_message_exit_container(m), 0);
}

static int start_unit(struct fake *f, sd_bus *bus, sd_bus_message *m)
{
    const char *unit, *mode;

    cr_assert_geq(sd_bus_message_read(m, "ss", &unit, &mode), 0);
    hear(f, "unit", unit);
    hear_properties(f, m);
    if (!f->result)
        return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.UnitExists",
                                          "Unit %s already exists.", unit);
    sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/1");
    return sd_bus_emit_signal(bus, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                              "JobRemoved", "uoss", 1, "/org/freedesktop/systemd1/job/1", unit,
                              f->result);
}

static int on_message(sd_bus_message *m, void *arg, sd_bus_error *error)
{
    sd_bus *bus = sd_bus_message_get_bus(m);
    struct fake *f = arg;
    const char *unit;
    int runtime;

    (void)error;
    if (sd_bus_message_is_method_call(m, NULL, "Hello"))
        return sd_bus_reply_method_return(m, "s", ":1.1");
    if (sd_bus_message_is_method_call(m, NULL, "StartTransientUnit"))
        return start_unit(f, bus, m);
    if (sd_bus_message_is_method_call(m, NULL, "SetUnitProperties")) {
        cr_assert_geq(sd_bus_message_read(m, "sb", &unit, &runtime), 0);
        hear(f, runtime ? "runtime" : "forever", unit);
        hear_properties(f, m);
        return sd_bus_reply_method_return(m, "");
    }
    if (sd_bus_message_is_method_call(m, NULL, "Get"))
        return sd_bus_reply_method_return(m, "v", "s",
                                          "/user.slice/user-1000.slice/user@1000.service");
    if (sd_bus_message_is_method_call(m, NULL, NULL))
        return sd_bus_reply_method_return(m, ""); /* AddMatch, Subscribe */
    return 0;
}

/* The bus and the systemd behind it are one. */
static void *serve(void *arg)
{
    struct fake *f = arg;
    sd_id128_t id = {
        .qwords = {1, 2}
    };
    sd_bus *bus = NULL;
    int r, fd = accept(f->listener, NULL, NULL);

    cr_assert_geq(sd_bus_new(&bus), 0);
    cr_assert_geq(sd_bus_set_fd(bus, fd, fd), 0);
    cr_assert_geq(sd_bus_set_server(bus, 1, id), 0);
    cr_assert_geq(sd_bus_set_sender(bus, "org.freedesktop.systemd1"), 0);
    cr_assert_geq(sd_bus_add_filter(bus, NULL, on_message, f), 0);
    cr_assert_geq(sd_bus_start(bus), 0);
    while ((r = sd_bus_process(bus, NULL)) >= 0)
        if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
            break;
    sd_bus_flush_close_unref(bus);
    return NULL;
}

static void fake_start(struct fake *f, const char *result)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char address[160];

    *f = (struct fake){ .result = result };
    snprintf(f->path, sizeof f->path, "/tmp/runsc-systemd-test-%d", (int)getpid());
    memcpy(at.sun_path, f->path, sizeof at.sun_path);
    unlink(f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(f->listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(f->listener, 1), 0);
    snprintf(address, sizeof address, "unix:path=%s", f->path);
    setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
    setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
    cr_assert_eq(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void fake_stop(struct fake *f)
{
    pthread_join(f->thread, NULL);
    close(f->listener);
    unlink(f->path);
}

/* linux.resources that say everything that systemd is told. */
static struct node some_resources(void)
{
    return node_top(json_pack("{s:{s:i, s:i}, s:{s:i, s:i, s:i}, s:{s:i}}", "memory", "limit",
                              1 << 20, "swap", 3 << 20, "cpu", "shares", 1024, "quota", 50000,
                              "period", 100000, "pids", "limit", 10),
                    "config.json");
}

static int start_scope(struct fake *f, bool user, bool v2, char *manager, pid_t *holder)
{
    struct node n = some_resources();
    struct scope s;

    cr_assert_eq(scope_parse("machine.slice:libpod:12", "ID", user, &s, &e), 0);
    int err = scope_start(&s, &n, v2, manager, 128, holder, &e);
    json_decref(n.v);
    fake_stop(f);
    return err;
}

Test(scope, systemd_is_asked_for_one, .timeout = 20)
{
    char manager[128] = "x";
    struct fake f;
    pid_t holder;

    fake_start(&f, "done");
    cr_assert_eq(start_scope(&f, false, true, manager, &holder), 0, "%s", e.text);
    cr_expect_str_eq(manager, "");
    static const char *const wanted[] = { "unit=libpod-12.scope\n",
                                          "Slice=machine.slice\n",
                                          "Delegate=yes\n",
                                          "DefaultDependencies=no\n",
                                          "PIDs=one that lives\n",
                                          "CPUWeight=39\n",
                                          "CPUQuotaPerSecUSec=500000\n",
                                          "MemoryMax=1048576\n",
                                          "MemorySwapMax=2097152\n",
                                          "TasksMax=84\n" };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        cr_expect_not_null(strstr(f.heard, wanted[i]), "no %sin\n%s", wanted[i], f.heard);
    cr_assert_eq(kill(holder, 0), 0);
    pid_t was = holder;
    scope_release(&holder);
    cr_expect_eq(holder, 0);
    cr_expect_eq(kill(was, 0), -1);
}

Test(scope, no_swap_is_no_swap, .timeout = 20)
{
    struct node n = node_top(json_pack("{s:{s:i, s:i}, s:{s:i}}", "memory", "limit", 1 << 20,
                                       "swap", 1 << 20, "cpu", "shares", 1 << 20),
                             "config.json");
    struct fake f;

    fake_start(&f, "done");
    cr_assert_eq(scope_limit("x.scope", false, &n, true, &e), 0, "%s", e.text);
    fake_stop(&f);
    cr_expect_not_null(strstr(f.heard, "MemorySwapMax=0\n"), "%s", f.heard);
    cr_expect_not_null(strstr(f.heard, "CPUWeight=10000\n"), "%s", f.heard);
    json_decref(n.v);
}

Test(scope, on_v1_limits_have_other_names, .timeout = 20)
{
    char manager[128];
    struct fake f;
    pid_t holder;

    fake_start(&f, "done");
    cr_assert_eq(start_scope(&f, false, false, manager, &holder), 0, "%s", e.text);
    cr_expect_not_null(strstr(f.heard, "CPUShares=1024\n"), "%s", f.heard);
    cr_expect_not_null(strstr(f.heard, "MemoryLimit=1048576\n"), "%s", f.heard);
    cr_expect_not_null(strstr(f.heard, "TasksMax=10\n"), "%s", f.heard);
    scope_release(&holder);
}

Test(scope, a_users_systemd_says_where_it_is, .timeout = 20)
{
    char manager[128], path[256];
    struct scope s;
    struct fake f;
    pid_t holder;

    fake_start(&f, "done");
    cr_assert_eq(start_scope(&f, true, true, manager, &holder), 0, "%s", e.text);
    scope_release(&holder);
    cr_assert_eq(scope_parse("user.slice:libpod:12", "ID", true, &s, &e), 0);
    cr_assert_eq(scope_path(&s, manager, path, sizeof path, &e), 0);
    cr_expect_str_eq(path,
                     "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-12.scope");
}

Test(scope, a_job_that_fails_is_an_error, .timeout = 20)
{
    char manager[128];
    struct fake f;
    pid_t holder;

    fake_start(&f, "failed");
    cr_assert_lt(start_scope(&f, false, true, manager, &holder), 0);
    cr_expect_str_eq(e.text, "systemd: libpod-12.scope: failed");
    cr_expect_eq(holder, 0);
}

Test(scope, what_systemd_refuses_is_said_in_its_words, .timeout = 20)
{
    char manager[128];
    struct fake f;
    pid_t holder;

    fake_start(&f, NULL);
    cr_assert_lt(start_scope(&f, false, true, manager, &holder), 0);
    cr_expect_not_null(strstr(e.text, "Unit libpod-12.scope already exists."), "%s", e.text);
}

Test(scope, limits_change_in_place, .timeout = 20)
{
    struct node n = some_resources();
    struct fake f;

    fake_start(&f, "done");
    cr_assert_eq(scope_limit("x.scope", false, &n, true, &e), 0, "%s", e.text);
    fake_stop(&f);
    cr_expect_not_null(strstr(f.heard, "runtime=x.scope\n"), "%s", f.heard);
    cr_expect_not_null(strstr(f.heard, "MemoryMax=1048576\n"), "%s", f.heard);
    json_decref(n.v);
}

Test(scope, no_systemd_is_told_apart)
{
    char manager[128];
    struct node none = { 0 };
    struct scope s;
    pid_t holder;

    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", 1);
    cr_assert_eq(scope_parse(NULL, "ID", false, &s, &e), 0);
    cr_expect_eq(scope_start(&s, &none, true, manager, sizeof manager, &holder, &e), -ENOTCONN);
    cr_expect_not_null(strstr(e.text, "no systemd answers"), "%s", e.text);
}
