/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/sys: the kernel's settings. They say what holds in this sandbox; nearly
 * none can be changed, and those have no write permission, not even for root.
 *
 *   source    sysctl(8), Documentation/admin-guide/sysctl of Linux 6.6
 */
#include <errno.h>
#include <string.h>

#include "sentry/core/rng.h"
#include "sentry/proc/state.h"
#include "sentry/proc/tables.h"
#include "sentry/task/container.h"
#include "sentry/task/ns.h"
#include "sentry/task/tasks.h"

#define CAP_SYS_ADMIN 21

#define VALUE(nm, value)                                                               \
    {                                                                                  \
        .name = (nm), .mode = S_IFREG | 0444, .flags = PROC_STRICT, .text = value "\n" \
    }
#define SHOWN(nm, shower)                                                            \
    {                                                                                \
        .name = (nm), .mode = S_IFREG | 0444, .flags = PROC_STRICT, .show = (shower) \
    }

/* What an ipc namespace keeps. */
#define OF_IPC(name) PROC_FILE_W(#name, 0644, proc_show_##name, proc_write_##name)

/* ---- kernel: names and versions ---- */

static int show_name(struct proc_view *v, struct text *t, size_t field)
{
    struct utsname names;
    scoped(uts_ns) struct uts_ns *ns = v->viewer ? task_uts_get(v->viewer) : NULL;

    uts_ns_print(ns ? ns : tasks_of(v->arena)->uts, &names);
    text_printf(t, "%s\n", (const char *)&names + field);
    return 0;
}

static int show_hostname(struct proc_view *v, struct text *t)
{
    return show_name(v, t, offsetof(struct utsname, nodename));
}

static int show_domainname(struct proc_view *v, struct text *t)
{
    return show_name(v, t, offsetof(struct utsname, domainname));
}

/* Up to the end of the first line. */
static ssize_t write_name(struct proc_view *v, const char *s, size_t size,
                          void (*set)(struct uts_ns *ns, const char *name, size_t size))
{
    scoped(uts_ns) struct uts_ns *ns = v->viewer ? task_uts_get(v->viewer) : NULL;

    if (!ns || !cred_ns_capable(v->viewer->cred, ns->user_ns, CAP_SYS_ADMIN))
        return -EPERM;
    set(ns, s, min(strcspn(s, "\n"), (size_t)UTS_NAME_MAX));
    return (ssize_t)size;
}

static ssize_t write_hostname(struct proc_view *v, char *s, size_t size)
{
    return write_name(v, s, size, uts_ns_set_nodename);
}

static ssize_t write_domainname(struct proc_view *v, char *s, size_t size)
{
    return write_name(v, s, size, uts_ns_set_domainname);
}

static int show_threads_max(struct proc_view *v, struct text *t)
{
    const struct tasks *ts = tasks_of(v->arena);

    text_printf(t, "%u\n", (v->viewer ? task_container(v->viewer) : ts->first)->limit);
    return 0;
}

static int show_pid_max(struct proc_view *v, struct text *t)
{
    (void)v;
    text_printf(t, "%d\n", PID_MAX);
    return 0;
}

static int show_ns_last_pid(struct proc_view *v, struct text *t)
{
    struct tasks *ts = tasks_of(v->arena);
    struct pid_ns *ns = v->viewer ? pid_ns_of(v->viewer->pid) : ts->pid_ns;

    mutex_lock(&ts->lock);
    int last = ns->last;
    mutex_unlock(&ts->lock);
    text_printf(t, "%d\n", last);
    return 0;
}

/* ---- kernel/random ---- */

static void show_uuid(struct text *t, const uint8_t u[16])
{
    for (int i = 0; i < 16; i++)
        text_printf(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
    text_char(t, '\n');
}

/* RFC 9562, 5.4: all random but version and variant. */
static int show_new_uuid(struct proc_view *v, struct text *t)
{
    uint8_t u[16];

    rng_fill(v->arena, u, sizeof u);
    u[6] = (u[6] & 0x0f) | 0x40;
    u[8] = (u[8] & 0x3f) | 0x80;
    show_uuid(t, u);
    return 0;
}

static int show_boot_id(struct proc_view *v, struct text *t)
{
    show_uuid(t, proc_state(v->arena)->boot_id);
    return 0;
}

static const struct proc_entry random_entries[] = {
    SHOWN("boot_id", show_boot_id),
    VALUE("entropy_avail", "256"),
    VALUE("poolsize", "256"),
    VALUE("urandom_min_reseed_secs", "60"),
    SHOWN("uuid", show_new_uuid),
    VALUE("write_wakeup_threshold", "256"),
    PROC_END,
};

static const struct proc_entry pty_entries[] = {
    VALUE("max", "4096"),
    VALUE("reserve", "1024"),
    PROC_END,
};

static const struct proc_entry kernel_entries[] = {
    VALUE("auto_msgmni", "0"),
    VALUE("cap_last_cap", "40"),
    VALUE("core_pattern", "core"),
    VALUE("core_uses_pid", "0"),
    VALUE("dmesg_restrict", "0"),
    PROC_FILE_W("domainname", 0644, show_domainname, write_domainname),
    PROC_FILE_W("hostname", 0644, show_hostname, write_hostname),
    VALUE("io_uring_disabled", "2"),
    VALUE("kptr_restrict", "1"),
    OF_IPC(msg_next_id),
    OF_IPC(msgmax),
    OF_IPC(msgmnb),
    OF_IPC(msgmni),
    VALUE("ngroups_max", "65536"),
    SHOWN("ns_last_pid", show_ns_last_pid),
    VALUE("osrelease", UTS_RELEASE),
    VALUE("ostype", UTS_SYSNAME),
    VALUE("overflowgid", "65534"),
    VALUE("overflowuid", "65534"),
    VALUE("panic", "0"),
    VALUE("perf_event_paranoid", "3"),
    SHOWN("pid_max", show_pid_max),
    VALUE("print-fatal-signals", "0"),
    VALUE("printk", "4\t4\t1\t7"),
    PROC_DIR("pty", 0555, pty_entries),
    PROC_DIR("random", 0555, random_entries),
    VALUE("randomize_va_space", "2"),
    VALUE("sched_child_runs_first", "0"),
    VALUE("sched_rr_timeslice_ms", "100"),
    OF_IPC(sem),
    OF_IPC(sem_next_id),
    OF_IPC(shm_next_id),
    OF_IPC(shm_rmid_forced),
    OF_IPC(shmall),
    OF_IPC(shmmax),
    OF_IPC(shmmni),
    VALUE("sysctl_writes_strict", "1"),
    VALUE("tainted", "0"),
    SHOWN("threads-max", show_threads_max),
    VALUE("unprivileged_bpf_disabled", "2"),
    VALUE("version", UTS_VERSION),
    PROC_END,
};

static const struct proc_entry vm_entries[] = {
    VALUE("admin_reserve_kbytes", "8192"),
    VALUE("compaction_proactiveness", "20"),
    VALUE("dirty_background_bytes", "0"),
    VALUE("dirty_background_ratio", "10"),
    VALUE("dirty_bytes", "0"),
    VALUE("dirty_expire_centisecs", "3000"),
    VALUE("dirty_ratio", "20"),
    VALUE("dirty_writeback_centisecs", "500"),
    VALUE("legacy_va_layout", "0"),
    VALUE("max_map_count", "65530"),
    VALUE("min_free_kbytes", "0"),
    VALUE("mmap_min_addr", "65536"),
    VALUE("mmap_rnd_bits", "28"),
    VALUE("mmap_rnd_compat_bits", "8"),
    VALUE("nr_hugepages", "0"),
    VALUE("nr_overcommit_hugepages", "0"),
    VALUE("oom_dump_tasks", "0"),
    VALUE("oom_kill_allocating_task", "0"),
    VALUE("overcommit_kbytes", "0"),
    VALUE("overcommit_memory", "0"),
    VALUE("overcommit_ratio", "50"),
    VALUE("page-cluster", "3"),
    VALUE("panic_on_oom", "0"),
    VALUE("swappiness", "60"),
    VALUE("unprivileged_userfaultfd", "0"),
    VALUE("user_reserve_kbytes", "131072"),
    VALUE("vfs_cache_pressure", "100"),
    PROC_END,
};

/* ---- fs ---- */

static const struct proc_entry inotify_entries[] = {
    VALUE("max_queued_events", "16384"),
    VALUE("max_user_instances", "128"),
    VALUE("max_user_watches", "65536"),
    PROC_END,
};

static const struct proc_entry epoll_entries[] = {
    VALUE("max_user_watches", "1048576"),
    PROC_END,
};

static const struct proc_entry fs_entries[] = {
    VALUE("aio-max-nr", "65536"),
    VALUE("aio-nr", "0"),
    VALUE("dentry-state", "0\t0\t45\t0\t0\t0"),
    PROC_DIR("epoll", 0555, epoll_entries),
    VALUE("file-max", "9223372036854775807"),
    VALUE("file-nr", "0\t0\t9223372036854775807"),
    VALUE("inode-nr", "0\t0"),
    VALUE("inode-state", "0\t0\t0\t0\t0\t0\t0"),
    PROC_DIR("inotify", 0555, inotify_entries),
    VALUE("lease-break-time", "45"),
    VALUE("leases-enable", "1"),
    VALUE("mount-max", "100000"),
    PROC_DIR("mqueue", 0555, proc_sys_mqueue),
    VALUE("nr_open", "1048576"),
    VALUE("overflowgid", "65534"),
    VALUE("overflowuid", "65534"),
    VALUE("pipe-max-size", "1048576"),
    VALUE("pipe-user-pages-hard", "0"),
    VALUE("pipe-user-pages-soft", "16384"),
    VALUE("protected_fifos", "1"),
    VALUE("protected_hardlinks", "1"),
    VALUE("protected_regular", "2"),
    VALUE("protected_symlinks", "1"),
    VALUE("suid_dumpable", "0"),
    PROC_END,
};

/* ---- net ---- */

static const struct proc_entry net_core[] = {
    VALUE("default_qdisc", "pfifo_fast"),
    VALUE("netdev_max_backlog", "1000"),
    VALUE("optmem_max", "131072"),
    VALUE("rmem_default", "212992"),
    VALUE("rmem_max", "212992"),
    VALUE("somaxconn", "4096"),
    VALUE("wmem_default", "212992"),
    VALUE("wmem_max", "212992"),
    PROC_END,
};

static const struct proc_entry net_ipv4[] = {
    VALUE("icmp_echo_ignore_all", "0"),
    VALUE("icmp_echo_ignore_broadcasts", "1"),
    VALUE("ip_default_ttl", "64"),
    VALUE("ip_forward", "0"),
    VALUE("ip_local_port_range", "32768\t60999"),
    VALUE("ip_local_reserved_ports", ""),
    VALUE("ip_nonlocal_bind", "0"),
    VALUE("ip_unprivileged_port_start", "1024"),
    VALUE("ping_group_range", "1\t0"),
    VALUE("tcp_allowed_congestion_control", "reno cubic"),
    VALUE("tcp_available_congestion_control", "reno cubic"),
    VALUE("tcp_congestion_control", "cubic"),
    VALUE("tcp_ecn", "2"),
    VALUE("tcp_fastopen", "0"),
    VALUE("tcp_fin_timeout", "60"),
    VALUE("tcp_keepalive_intvl", "75"),
    VALUE("tcp_keepalive_probes", "9"),
    VALUE("tcp_keepalive_time", "7200"),
    VALUE("tcp_max_syn_backlog", "1024"),
    VALUE("tcp_mem", "190239\t253653\t380478"),
    VALUE("tcp_rmem", "4096\t131072\t6291456"),
    VALUE("tcp_sack", "1"),
    VALUE("tcp_syn_retries", "6"),
    VALUE("tcp_synack_retries", "5"),
    VALUE("tcp_syncookies", "1"),
    VALUE("tcp_timestamps", "1"),
    VALUE("tcp_tw_reuse", "2"),
    VALUE("tcp_window_scaling", "1"),
    VALUE("tcp_wmem", "4096\t16384\t4194304"),
    PROC_END,
};

static const struct proc_entry ipv6_conf_one[] = {
    VALUE("accept_ra", "0"),
    VALUE("disable_ipv6", "0"),
    VALUE("forwarding", "0"),
    PROC_END,
};

static const struct proc_entry ipv6_conf[] = {
    PROC_DIR("all", 0555, ipv6_conf_one),
    PROC_DIR("default", 0555, ipv6_conf_one),
    PROC_DIR("lo", 0555, ipv6_conf_one),
    PROC_END,
};

static const struct proc_entry net_ipv6[] = {
    VALUE("bindv6only", "0"),
    PROC_DIR("conf", 0555, ipv6_conf),
    PROC_END,
};

static const struct proc_entry net_unix[] = {
    VALUE("max_dgram_qlen", "10"),
    PROC_END,
};

static const struct proc_entry net_entries[] = {
    PROC_DIR("core", 0555, net_core),
    PROC_DIR("ipv4", 0555, net_ipv4),
    PROC_DIR("ipv6", 0555, net_ipv6),
    PROC_DIR("unix", 0555, net_unix),
    PROC_END,
};

static const struct proc_entry user_entries[] = {
    VALUE("max_inotify_instances", "128"), VALUE("max_inotify_watches", "65536"),
    VALUE("max_ipc_namespaces", "31384"),  VALUE("max_mnt_namespaces", "31384"),
    VALUE("max_pid_namespaces", "31384"),  VALUE("max_user_namespaces", "31384"),
    VALUE("max_uts_namespaces", "31384"),  PROC_END,
};

static const struct proc_entry none[] = { PROC_END };

const struct proc_entry proc_sys[] = {
    PROC_DIR("abi", 0555, none),
    PROC_DIR("debug", 0555, none),
    PROC_DIR("dev", 0555, none),
    PROC_DIR("fs", 0555, fs_entries),
    PROC_DIR("kernel", 0555, kernel_entries),
    PROC_DIR("net", 0555, net_entries),
    PROC_DIR("user", 0555, user_entries),
    PROC_DIR("vm", 0555, vm_entries),
    PROC_END,
};
