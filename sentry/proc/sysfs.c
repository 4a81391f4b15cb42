/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /sys, made of the same tables as /proc. One package, one node, a core for each
 * processor that the sandbox has.
 *
 *   source    sysfs(5), Documentation/ABI of Linux 6.6
 */
#include "sentry/proc/sysfs.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>

#include "sentry/mm/mm.h"
#include "sentry/proc/node.h"
#include "sentry/proc/tables.h"
#include "sentry/task/tasks.h"

static uint32_t cpus_of(const struct proc_view *v)
{
    return tasks_of(v->arena)->cpus;
}

/* ---- sets of processors ---- */

static void show_range(struct text *t, uint32_t count)
{
    text_printf(t, count > 1 ? "0-%u\n" : "%u\n", count - 1);
}

/* The first `count` processors as a mask, 32 bits a word. */
static void show_all_mask(struct text *t, uint32_t count)
{
    for (int word = (int)(count - 1) / 32; word >= 0; word--) {
        uint32_t bits = count - (uint32_t)word * 32;
        uint32_t mask = bits >= 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;
        text_printf(t, word == (int)(count - 1) / 32 ? "%x" : "%08x", mask);
        text_char(t, word ? ',' : '\n');
    }
}

static int show_cpu_list(struct proc_view *v, struct text *t)
{
    show_range(t, cpus_of(v));
    return 0;
}

static int show_cpu_mask(struct proc_view *v, struct text *t)
{
    show_all_mask(t, cpus_of(v));
    return 0;
}

static int show_own_number(struct proc_view *v, struct text *t)
{
    text_printf(t, "%" PRIu64 "\n", v->arg);
    return 0;
}

static int show_own_mask(struct proc_view *v, struct text *t)
{
    uint32_t words = (cpus_of(v) - 1) / 32;

    for (int word = (int)words; word >= 0; word--) {
        uint32_t mask = v->arg / 32 == (uint64_t)word ? UINT32_C(1) << v->arg % 32 : 0;
        text_printf(t, word == (int)words ? "%x" : "%08x", mask);
        text_char(t, word ? ',' : '\n');
    }
    return 0;
}

/* ---- devices/system/cpu ---- */

static const struct proc_entry topology[] = {
    PROC_FILE("core_cpus", 0444, show_own_mask),
    PROC_FILE("core_cpus_list", 0444, show_own_number),
    PROC_FILE("core_id", 0444, show_own_number),
    PROC_FILE("core_siblings", 0444, show_cpu_mask),
    PROC_FILE("core_siblings_list", 0444, show_cpu_list),
    PROC_TEXT("die_id", 0444, "0\n"),
    PROC_FILE("package_cpus", 0444, show_cpu_mask),
    PROC_FILE("package_cpus_list", 0444, show_cpu_list),
    PROC_TEXT("physical_package_id", 0444, "0\n"),
    PROC_FILE("thread_siblings", 0444, show_own_mask),
    PROC_FILE("thread_siblings_list", 0444, show_own_number),
    PROC_END,
};

static const struct proc_entry cpu_entries[] = {
    PROC_TEXT("online", 0444, "1\n"),
    PROC_DIR("topology", 0555, topology),
    PROC_END,
};

static const struct proc_entry cpu_dir = PROC_DIR("cpu", 0555, cpu_entries);

static int lookup_cpu(struct proc_view *v, const char *name, struct proc_found *out)
{
    int64_t n = strncmp(name, "cpu", 3) ? -1 : proc_number(name + 3);

    if (n < 0 || n >= cpus_of(v))
        return -ENOENT;
    out->entry = &cpu_dir;
    out->arg = (uint64_t)n;
    return 0;
}

static bool next_cpu(struct proc_view *v, uint64_t *key, char *name, struct proc_found *out)
{
    if (*key >= cpus_of(v))
        return false;
    snprintf(name, 32, "cpu%" PRIu64, *key);
    *out = (struct proc_found){ .entry = &cpu_dir, .arg = *key };
    return true;
}

static const struct proc_names cpu_names = { .lookup = lookup_cpu, .next = next_cpu };

static int show_kernel_max(struct proc_view *v, struct text *t)
{
    (void)v;
    text_printf(t, "%d\n", TASK_CPUS_MAX - 1);
    return 0;
}

static const struct proc_entry cpus[] = {
    PROC_TEXT("isolated", 0444, "\n"),
    PROC_FILE("kernel_max", 0444, show_kernel_max),
    PROC_TEXT("offline", 0444, "\n"),
    PROC_FILE("online", 0444, show_cpu_list),
    PROC_FILE("possible", 0444, show_cpu_list),
    PROC_FILE("present", 0444, show_cpu_list),
    PROC_END,
};

/* ---- devices/system/node ---- */

static int show_node_meminfo(struct proc_view *v, struct text *t)
{
    uint64_t total = ram_total(v->arena) >> 10, used = min(ram_used(v->arena) >> 10, total);

    text_printf(t,
                "Node 0 MemTotal:       %8" PRIu64 " kB\nNode 0 MemFree:        %8" PRIu64
                " kB\nNode 0 MemUsed:        %8" PRIu64 " kB\n",
                total, total - used, used);
    return 0;
}

static const struct proc_entry node0[] = {
    PROC_FILE("cpulist", 0444, show_cpu_list),
    PROC_FILE("cpumap", 0444, show_cpu_mask),
    PROC_TEXT("distance", 0444, "10\n"),
    PROC_FILE("meminfo", 0444, show_node_meminfo),
    PROC_END,
};

static const struct proc_entry nodes[] = {
    PROC_TEXT("has_cpu", 0444, "0\n"),
    PROC_TEXT("has_memory", 0444, "0\n"),
    PROC_TEXT("has_normal_memory", 0444, "0\n"),
    PROC_DIR("node0", 0555, node0),
    PROC_TEXT("online", 0444, "0\n"),
    PROC_TEXT("possible", 0444, "0\n"),
    PROC_END,
};

static const struct proc_entry system_entries[] = {
    {.name = "cpu", .mode = S_IFDIR | 0555, .children = cpus, .names = &cpu_names},
    PROC_DIR("node", 0555, nodes),
    PROC_END,
};

/* ---- the loopback interface ---- */

static const struct proc_entry lo_statistics[] = {
    PROC_TEXT("rx_bytes", 0444, "0\n"),
    PROC_TEXT("rx_dropped", 0444, "0\n"),
    PROC_TEXT("rx_errors", 0444, "0\n"),
    PROC_TEXT("rx_packets", 0444, "0\n"),
    PROC_TEXT("tx_bytes", 0444, "0\n"),
    PROC_TEXT("tx_dropped", 0444, "0\n"),
    PROC_TEXT("tx_errors", 0444, "0\n"),
    PROC_TEXT("tx_packets", 0444, "0\n"),
    PROC_END,
};

static const struct proc_entry lo[] = {
    PROC_TEXT("addr_len", 0444, "6\n"),
    PROC_TEXT("address", 0444, "00:00:00:00:00:00\n"),
    PROC_TEXT("broadcast", 0444, "00:00:00:00:00:00\n"),
    PROC_TEXT("carrier", 0444, "1\n"),
    PROC_TEXT("flags", 0444, "0x9\n"),
    PROC_TEXT("ifindex", 0444, "1\n"),
    PROC_TEXT("iflink", 0444, "1\n"),
    PROC_TEXT("mtu", 0444, "65536\n"),
    PROC_TEXT("operstate", 0444, "unknown\n"),
    PROC_DIR("statistics", 0555, lo_statistics),
    PROC_TEXT("tx_queue_len", 0444, "1000\n"),
    PROC_TEXT("type", 0444, "772\n"),
    PROC_TEXT("uevent", 0644, "INTERFACE=lo\nIFINDEX=1\n"),
    PROC_END,
};

static const struct proc_entry virtual_net[] = { PROC_DIR("lo", 0555, lo), PROC_END };
static const struct proc_entry virtual_devices[] = { PROC_DIR("net", 0555, virtual_net), PROC_END };

static const struct proc_entry devices[] = {
    PROC_DIR("system", 0555, system_entries),
    PROC_DIR("virtual", 0555, virtual_devices),
    PROC_END,
};

static ssize_t readlink_lo(struct proc_view *v, char *buf, size_t size)
{
    (void)v;
    return snprintf(buf, size, "../../devices/virtual/net/lo");
}

static const struct proc_entry class_net[] = { PROC_LINK("lo", readlink_lo), PROC_END };
static const struct proc_entry none[] = { PROC_END };

static const struct proc_entry classes[] = {
    PROC_DIR("block", 0555, none),
    PROC_DIR("mem", 0555, none),
    PROC_DIR("net", 0555, class_net),
    PROC_DIR("tty", 0555, none),
    PROC_END,
};

/* ---- kernel ---- */

static const struct proc_entry thp[] = {
    PROC_TEXT("defrag", 0444, "always defer defer+madvise [madvise] never\n"),
    PROC_TEXT("enabled", 0444, "always [madvise] never\n"),
    PROC_TEXT("hpage_pmd_size", 0444, "2097152\n"),
    PROC_TEXT("shmem_enabled", 0444, "always within_size advise [never] deny force\n"),
    PROC_TEXT("use_zero_page", 0444, "1\n"),
    PROC_END,
};

static const struct proc_entry huge_2m[] = {
    PROC_TEXT("free_hugepages", 0444, "0\n"),          PROC_TEXT("nr_hugepages", 0444, "0\n"),
    PROC_TEXT("nr_overcommit_hugepages", 0444, "0\n"), PROC_TEXT("resv_hugepages", 0444, "0\n"),
    PROC_TEXT("surplus_hugepages", 0444, "0\n"),       PROC_END,
};

static const struct proc_entry hugepages[] = {
    PROC_DIR("hugepages-2048kB", 0555, huge_2m),
    PROC_END,
};

static const struct proc_entry kernel_mm[] = {
    PROC_DIR("hugepages", 0555, hugepages),
    PROC_DIR("transparent_hugepage", 0555, thp),
    PROC_END,
};

static const struct proc_entry kernel[] = {
    PROC_DIR("debug", 0700, none),
    PROC_DIR("mm", 0555, kernel_mm),
    PROC_DIR("security", 0555, none),
    PROC_DIR("tracing", 0700, none),
    PROC_END,
};

static const struct proc_entry fs[] = {
    PROC_DIR("bpf", 0555, none),
    PROC_DIR("cgroup", 0555, none),
    PROC_DIR("fuse", 0555, none),
    PROC_END,
};

static const struct proc_entry dev[] = {
    PROC_DIR("block", 0555, none),
    PROC_DIR("char", 0555, none),
    PROC_END,
};

static const struct proc_entry root_entries[] = {
    PROC_DIR("block", 0555, none),
    PROC_DIR("bus", 0555, none),
    PROC_DIR("class", 0555, classes),
    PROC_DIR("dev", 0555, dev),
    PROC_DIR("devices", 0555, devices),
    PROC_DIR("firmware", 0555, none),
    PROC_DIR("fs", 0555, fs),
    PROC_DIR("kernel", 0555, kernel),
    PROC_DIR("module", 0555, none),
    PROC_DIR("power", 0555, none),
    PROC_END,
};

static const struct proc_entry root = PROC_DIR("/", 0555, root_entries);

int sysfs_create(struct arena *a, const char *source, const char *options, const struct actor *who,
                 struct dentry **out)
{
    (void)source, (void)who;
    if (options && *options)
        return -EINVAL;
    return proc_fs_create(a, "sysfs", SYSFS_MAGIC, &root, NULL, out);
}
