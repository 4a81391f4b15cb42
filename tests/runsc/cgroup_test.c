/* SPDX-License-Identifier: Apache-2.0 */
/* Where cgroups are, and what is written into their files, which are plain ones here. */
#include "runsc/cgroup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct err e;

/* ---- a place for a container ---- */

static const char *choose(const char *path)
{
    static char where[256];

    return cgroup_choose(path, "ID", NULL, where, sizeof where, &e) ? NULL : where;
}

Test(cgroup, a_path_is_below_the_root)
{
    cr_expect_str_eq(choose("/a/b"), "/a/b");
    cr_expect_str_eq(choose("a/b/"), "/a/b");
    cr_expect_str_eq(choose("//a/./b//..c/."), "/a/b/..c");
    cr_expect_str_eq(choose("..."), "/...");
    cr_expect_str_eq(choose(NULL), "/ID");
    cr_expect_str_eq(choose(""), "/ID");
}

Test(cgroup, the_root_of_all_is_no_place_for_a_container)
{
    static const char *const none[] = { "/", "//", "/.", "./", "///././/" };

    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        e.code = 0;
        cr_expect_null(choose(none[i]), "%s", none[i]);
        cr_expect(e.code == -EINVAL && strstr(e.text, "root of them all"), "%s: %s", none[i],
                  e.text);
    }
}

Test(cgroup, a_path_that_climbs_is_refused)
{
    static const char *const up[] = { "..", "/..", "a/../..", "/a/..", "../a" };

    for (size_t i = 0; i < ARRAY_LEN(up); i++) {
        cr_expect_null(choose(up[i]), "%s", up[i]);
        cr_expect_not_null(strstr(e.text, "has \"..\" in it"), "%s", e.text);
    }
}

Test(cgroup, a_path_has_an_end)
{
    char path[400];

    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = 0;
    cr_expect_null(choose(path));
    cr_expect_eq(e.code, -ENAMETOOLONG);
}

/* ---- which there are ---- */

/* "POINT:CONTROLLERS " of each, sorted as they come. */
static const char *mounts_of(const char *mountinfo)
{
    static char out[512];
    FILE *f = fmemopen((char *)mountinfo, strlen(mountinfo), "r");
    json_t *mounts = cgroup_mounts_in(f), *one;
    size_t i, n = 0;

    fclose(f);
    out[0] = 0;
    json_array_foreach(mounts, i, one)
    {
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s:%s", n ? " " : "",
                              json_string_value(json_object_get(one, "path")),
                              json_string_value(json_object_get(one, "controllers")));
    }
    json_decref(mounts);
    return out;
}

#define V2(root, point) "31 23 0:28 " root " " point " rw,relatime shared:4 - cgroup2 cgroup2 rw\n"
#define V1(root, point, what) \
    "32 31 0:29 " root " " point " rw,relatime - cgroup cgroup rw," what "\n"
#define TMPFS "30 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"

Test(cgroup, v2_once)
{
    cr_expect_str_eq(mounts_of(V2("/", "/sys/fs/cgroup")), "/sys/fs/cgroup:");
    cr_expect_str_eq(mounts_of(V2("/", "/elsewhere")), "/elsewhere:");
    cr_expect_str_eq(mounts_of("30 23 0:27 / / rw - ext4 /dev/sda rw\n"), "");
}

Test(cgroup, v2_twice_is_the_whole_one_where_everybody_looks)
{
    cr_expect_str_eq(mounts_of(V2("/", "/sys/fs/cgroup") V2("/", "/tmp/x")), "/sys/fs/cgroup:");
    cr_expect_str_eq(mounts_of(V2("/", "/tmp/x") V2("/", "/sys/fs/cgroup")), "/sys/fs/cgroup:");
    cr_expect_str_eq(mounts_of(V2("/a/b", "/sys/fs/cgroup") V2("/", "/tmp/x")), "/tmp/x:");
    cr_expect_str_eq(mounts_of(V2("/", "/tmp/x") V2("/", "/tmp/y")), "/tmp/x:");
}

Test(cgroup, v1_twice_is_once_for_each_set_of_controllers)
{
    cr_expect_str_eq(mounts_of(TMPFS V1("/", "/tmp/cpu", "cpu,cpuacct")
                                   V1("/", "/sys/fs/cgroup/cpu", "cpu,cpuacct")
                                       V1("/docker/1", "/sys/fs/cgroup/memory", "memory")
                                           V1("/", "/sys/fs/cgroup/s", "xattr,name=systemd")),
                     "/sys/fs/cgroup/cpu:cpu,cpuacct /sys/fs/cgroup/memory:memory "
                     "/sys/fs/cgroup/s:name=systemd");
}

Test(cgroup, limits_are_v1s_where_v2_is_aside_and_v2s_where_v1_is)
{
    cr_expect_str_eq(mounts_of(TMPFS V1("/", "/sys/fs/cgroup/memory", "memory")
                                   V2("/", "/sys/fs/cgroup/unified")),
                     "/sys/fs/cgroup/memory:memory");
    cr_expect_str_eq(mounts_of(V2("/", "/sys/fs/cgroup") V1("/", "/mnt/net_cls", "net_cls")),
                     "/sys/fs/cgroup:");
}

/* ---- what is written ---- */

struct dir {
    char path[64];
    json_t *cgroups;
};

/* A directory of v2 that has some files. */
static void dir_open(struct dir *d)
{
    strcpy(d->path, "/tmp/cgroup-test-XXXXXX");
    cr_assert_not_null(mkdtemp(d->path));
    d->cgroups = json_pack("[{s:s, s:s}]", "controllers", "", "path", d->path);
}

static void put(const struct dir *d, const char *name, const char *text)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", d->path, name);
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static bool has(const struct dir *d, const char *name, const char *text)
{
    char is[64];

    return cgroup_read(d->path, name, is, sizeof is) >= 0 && strcmp(is, text) == 0;
}

static void dir_close(struct dir *d)
{
    static const char *const names[] = { "cpu.max",  "memory.max", "memory.swap.max",
                                         "pids.max", "io.weight",  "io.bfq.weight" };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", d->path, names[i]);
        unlink(path);
    }
    rmdir(d->path);
    json_decref(d->cgroups);
}

/* linux.resources from JSON with ' for ". */
static int limit(const struct dir *d, const char *text)
{
    char json[256];

    snprintf(json, sizeof json, "%s", text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct node n = node_top(json_loads(json, 0, NULL), "resources");
    int err = cgroup_limit(d->cgroups, &n, &e);
    json_decref(n.v);
    return err;
}

Test(cgroup, a_quota_or_a_period_alone_leaves_the_other)
{
    struct dir d;

    dir_open(&d);
    put(&d, "cpu.max", "50000 100000");
    cr_expect_eq(limit(&d, "{'cpu': {'period': 200000}}"), 0);
    cr_expect(has(&d, "cpu.max", "50000 200000"));
    cr_expect_eq(limit(&d, "{'cpu': {'quota': 70000}}"), 0);
    cr_expect(has(&d, "cpu.max", "70000 200000"));
    cr_expect_eq(limit(&d, "{'cpu': {'quota': 0, 'period': 0}}"), 0);
    cr_expect(has(&d, "cpu.max", "70000 200000"));
    put(&d, "cpu.max", "max 100000");
    cr_expect_eq(limit(&d, "{'cpu': {'period': 200000}}"), 0);
    cr_expect(has(&d, "cpu.max", "max 200000"));
    put(&d, "cpu.max", "100 50000");
    cr_expect_eq(limit(&d, "{'cpu': {'quota': -1}}"), 0);
    cr_expect(has(&d, "cpu.max", "max 50000"));
    dir_close(&d);
}

Test(cgroup, swap_alone_is_counted_from_the_memory_that_there_is)
{
    struct dir d;

    dir_open(&d);
    put(&d, "memory.max", "1048576\n");
    put(&d, "memory.swap.max", "");
    cr_expect_eq(limit(&d, "{'memory': {'swap': 3145728}}"), 0);
    cr_expect(has(&d, "memory.swap.max", "2097152"));
    put(&d, "memory.max", "max\n");
    cr_expect_eq(limit(&d, "{'memory': {'swap': 3145728}}"), 0);
    cr_expect(has(&d, "memory.swap.max", "3145728"));
    dir_close(&d);
}

Test(cgroup, a_weight_is_scaled_but_for_the_scheduler_that_knows_it)
{
    struct dir d;

    dir_open(&d);
    put(&d, "io.weight", "");
    cr_expect_eq(limit(&d, "{'blockIO': {'weight': 1000}}"), 0);
    cr_expect(has(&d, "io.weight", "10000"));
    put(&d, "io.weight", "");
    cr_expect_eq(limit(&d, "{'blockIO': {'weight': 10}}"), 0);
    cr_expect(has(&d, "io.weight", "1"));
    cr_expect_eq(limit(&d, "{'blockIO': {'weight': 1001}}"), -ERANGE);
    put(&d, "io.bfq.weight", "");
    cr_expect_eq(limit(&d, "{'blockIO': {'weight': 500}}"), 0);
    cr_expect(has(&d, "io.bfq.weight", "500"));
    cr_expect(has(&d, "io.weight", "1"));
    dir_close(&d);
}

Test(cgroup, processes_without_an_end_are_as_many_as_the_host_allows)
{
    struct dir d;

    dir_open(&d);
    put(&d, "pids.max", "");
    cr_expect_eq(limit(&d, "{'pids': {'limit': 9223372036854775807}}"), 0);
    cr_expect(has(&d, "pids.max", "4194304"));
    put(&d, "pids.max", "");
    cr_expect_eq(limit(&d, "{'pids': {'limit': 10}}"), 0);
    cr_expect(has(&d, "pids.max", "84"));
    dir_close(&d);
}
