/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for devices: what is read, and what the host's kernel makes of the program. */
#include "runsc/cgroup_devices.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runsc/cgroup.h"

static struct err e;

/* linux.resources from JSON with ' for ". */
static struct node resources_of(const char *text)
{
    char *json = strdup(text);

    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *v = json_loads(json, 0, NULL);
    cr_assert_not_null(v, "%s", json);
    free(json);
    return node_top(v, "config.json");
}

Test(devices, rules_are_read_and_the_common_ones_come_behind)
{
    struct node n = resources_of(
        "{'devices': [{'allow': false, 'access': 'rwm'},"
        "{'allow': true, 'type': 'b', 'major': 8, 'access': 'r'}]}");
    struct device_rule *rules;
    size_t count;

    cr_assert_eq(devices_read(&n, &rules, &count, &e), 0);
    cr_assert_gt(count, 2);
    cr_assert_eq(rules[0].type, 'a');
    cr_assert_not(rules[0].allow);
    cr_assert_eq(rules[1].type, 'b');
    cr_assert_eq(rules[1].major, 8);
    cr_assert_eq(rules[1].minor, DEVICE_ANY);
    cr_assert_eq(rules[1].access, BPF_DEVCG_ACC_READ);
    cr_assert(rules[count - 1].allow);
    free(rules);
    json_decref(n.v);
}

Test(devices, what_is_wrong_is_named)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        {"{'devices': {}}",                              "devices"          },
        { "{'devices': [1]}",                            "devices[0]"       },
        { "{'devices': [{'type': 'x'}]}",                "devices[0].type"  },
        { "{'devices': [{'type': ''}]}",                 "devices[0].type"  },
        { "{'devices': [{'access': 'rx'}]}",             "devices[0].access"},
        { "{'devices': [{'allow': 'yes'}]}",             "devices[0].allow" },
        { "{'devices': [{}, {'major': -2}]}",            "devices[1].major" },
        { "{'devices': [{'type': 'c', 'minor': 1.5}]}",  "devices[0].minor" },
        { "{'devices': [{'type': 'c', 'minor': 1e30}]}", "devices[0].minor" },
        { "{'devices': [{'major': 4294967296}]}",        "devices[0].major" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node n = resources_of(rows[i].json);
        struct device_rule *rules;
        size_t count;
        cr_expect_lt(devices_read(&n, &rules, &count, &e), 0, "%s", rows[i].json);
        cr_expect_not_null(strstr(e.text, rows[i].says), "%s: %s", rows[i].json, e.text);
        json_decref(n.v);
    }
}

/* ---- in a cgroup of the host's ---- */

static char group[512];

/* A directory of cgroups v2, wherever that is mounted. */
static bool group_make(void)
{
    FILE *f = setmntent("/proc/self/mounts", "re");
    struct mntent *m;
    bool made = false;

    while (f && !made && (m = getmntent(f))) {
        snprintf(group, sizeof group, "%s/runsc-test-%d", m->mnt_dir, (int)getpid());
        made = strcmp(m->mnt_type, "cgroup2") == 0 && mkdir(group, 0755) == 0;
    }
    if (f)
        endmntent(f);
    return made;
}

static void group_enter(void)
{
    cr_assert_eq(cgroup_write(group, "cgroup.procs", "0"), 0);
}

/* What open(2) gives in a process of its own that is in the group. */
static int open_inside(const char *path, int flags)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        group_enter();
        int fd = open(path, flags | O_CLOEXEC);
        _exit(fd < 0 ? errno : 0);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static int mknod_inside(mode_t type, unsigned major, unsigned minor)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        group_enter();
        int err = mknod("/tmp/runsc-test-node", type | 0600, makedev(major, minor)) ? errno : 0;
        unlink("/tmp/runsc-test-node");
        _exit(err);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void set(const char *rules)
{
    struct node n = resources_of(rules);
    json_t *cgroups = json_pack("[{s:s, s:s}]", "controllers", "", "path", group);

    cr_assert_eq(cgroup_devices(cgroups, &n, &e), 0, "%s", e.text);
    json_decref(cgroups);
    json_decref(n.v);
}

static void begin(void)
{
    if (geteuid() || !group_make())
        cr_skip_test("no cgroup of version 2 can be made here");
}

static void end(void)
{
    rmdir(group);
}

Test(devices, the_common_ones_open_and_no_other, .fini = end)
{
    begin();
    cr_assert_eq(open_inside("/dev/kmsg", O_RDONLY), 0);
    set("{}");
    cr_expect_eq(open_inside("/dev/null", O_RDWR), 0);
    cr_expect_eq(open_inside("/dev/urandom", O_RDONLY), 0);
    cr_expect_eq(open_inside("/dev/ptmx", O_RDWR), 0);
    cr_expect_eq(open_inside("/dev/kmsg", O_RDONLY), EPERM);
    cr_expect_eq(mknod_inside(S_IFBLK, 8, 0), 0);
}

Test(devices, the_last_rule_decides_for_each_right, .fini = end)
{
    begin();
    set("{'devices': [{'allow': true, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'rw'},"
        "{'allow': false, 'type': 'c', 'major': 1, 'minor': 11, 'access': 'w'},"
        "{'allow': true, 'type': 'b', 'major': 1, 'minor': 11, 'access': 'w'}]}");
    cr_expect_eq(open_inside("/dev/kmsg", O_RDONLY), 0);
    cr_expect_eq(open_inside("/dev/kmsg", O_WRONLY), EPERM);
    cr_expect_eq(open_inside("/dev/kmsg", O_RDWR), EPERM);
}

Test(devices, all_can_be_allowed, .fini = end)
{
    begin();
    set("{'devices': [{'allow': true, 'access': 'rwm'}]}");
    cr_expect_eq(open_inside("/dev/kmsg", O_RDWR), 0);
}
