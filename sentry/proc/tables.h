/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of /proc, each beside what fills it, and what they show of each other. */
#pragma once

#include "sentry/proc/entry.h"

/* /proc */
int proc_show_cpuinfo(struct proc_view *v, struct text *t);
int proc_show_meminfo(struct proc_view *v, struct text *t);
int proc_show_vmstat(struct proc_view *v, struct text *t);
int proc_show_stat(struct proc_view *v, struct text *t);
int proc_show_interrupts(struct proc_view *v, struct text *t);
int proc_show_softirqs(struct proc_view *v, struct text *t);
int proc_show_uptime(struct proc_view *v, struct text *t);
int proc_show_loadavg(struct proc_view *v, struct text *t);
int proc_show_version(struct proc_view *v, struct text *t);
int proc_show_filesystems(struct proc_view *v, struct text *t);
extern const struct proc_entry proc_sys[];        /* sys.c */
extern const struct proc_entry proc_sys_mqueue[]; /* sys_mqueue.c */

/* /proc/PID and /proc/PID/task/TID */
extern const struct proc_entry proc_pid_dir, proc_tid_dir;     /* pid.c */
extern const struct proc_entry proc_net[];                     /* net.c */
extern const struct proc_names proc_pid_fds, proc_pid_fdinfos; /* fd.c */
extern const struct proc_names proc_pid_tasks;                 /* pid.c */
extern const struct proc_entry proc_pid_ns[];                  /* ns.c */

/* status.c, stat.c */
int proc_show_status(struct proc_view *v, struct text *t);
int proc_show_pid_stat(struct proc_view *v, struct text *t);
int proc_show_statm(struct proc_view *v, struct text *t);
int proc_show_limits(struct proc_view *v, struct text *t);
int proc_show_io(struct proc_view *v, struct text *t);
int proc_show_schedstat(struct proc_view *v, struct text *t);
int proc_show_sched(struct proc_view *v, struct text *t);
/* maps.c */
int proc_show_maps(struct proc_view *v, struct text *t);
int proc_show_smaps(struct proc_view *v, struct text *t);
int proc_show_smaps_rollup(struct proc_view *v, struct text *t);
/* content.c: what lies in a process's memory */
ssize_t proc_read_cmdline(struct proc_view *v, struct io *io, uint64_t *pos);
ssize_t proc_read_environ(struct proc_view *v, struct io *io, uint64_t *pos);
ssize_t proc_read_mem(struct proc_view *v, struct io *io, uint64_t *pos);
ssize_t proc_write_mem(struct proc_view *v, struct io *io, uint64_t *pos);
int proc_show_auxv(struct proc_view *v, struct text *t);
/* mounts.c */
int proc_show_mounts(struct proc_view *v, struct text *t);
int proc_show_mountinfo(struct proc_view *v, struct text *t);
int proc_show_mountstats(struct proc_view *v, struct text *t);
/* links.c */
ssize_t proc_readlink_follow(struct proc_view *v, char *buf, size_t size,
                             int (*follow)(struct proc_view *v, struct path *out));
ssize_t proc_readlink_cwd(struct proc_view *v, char *buf, size_t size);
ssize_t proc_readlink_root(struct proc_view *v, char *buf, size_t size);
ssize_t proc_readlink_exe(struct proc_view *v, char *buf, size_t size);
int proc_follow_cwd(struct proc_view *v, struct path *out);
int proc_follow_root(struct proc_view *v, struct path *out);
int proc_follow_exe(struct proc_view *v, struct path *out);
/* idmap.c */
int proc_show_uid_map(struct proc_view *v, struct text *t);
int proc_show_gid_map(struct proc_view *v, struct text *t);
int proc_show_setgroups(struct proc_view *v, struct text *t);
ssize_t proc_write_uid_map(struct proc_view *v, char *s, size_t size);
ssize_t proc_write_gid_map(struct proc_view *v, char *s, size_t size);
ssize_t proc_write_setgroups(struct proc_view *v, char *s, size_t size);

/* cgroup_v1.c: of both versions */
int proc_show_pid_cgroup(struct proc_view *v, struct text *t);
int proc_show_cgroups(struct proc_view *v, struct text *t);

/* sysvipc.c: of the ipc namespace of who looks */
int proc_show_sysvipc_msg(struct proc_view *v, struct text *t);
int proc_show_sysvipc_sem(struct proc_view *v, struct text *t);
int proc_show_sysvipc_shm(struct proc_view *v, struct text *t);
#define PROC_IPC_SYSCTL(name)                                  \
    int proc_show_##name(struct proc_view *v, struct text *t); \
    ssize_t proc_write_##name(struct proc_view *v, char *s, size_t size);
PROC_IPC_SYSCTL(msg_next_id)
PROC_IPC_SYSCTL(msgmax)
PROC_IPC_SYSCTL(msgmnb)
PROC_IPC_SYSCTL(msgmni)
PROC_IPC_SYSCTL(sem)
PROC_IPC_SYSCTL(sem_next_id)
PROC_IPC_SYSCTL(shm_next_id)
PROC_IPC_SYSCTL(shm_rmid_forced)
PROC_IPC_SYSCTL(shmall)
PROC_IPC_SYSCTL(shmmax)
PROC_IPC_SYSCTL(shmmni)
#undef PROC_IPC_SYSCTL

/* system.c: of the whole sandbox */
struct proc_totals {
    nsec_t user, sys;
    uint32_t threads, running;
};
void proc_totals(struct arena *a, struct proc_totals *out);
nsec_t proc_clock(struct arena *a, enum clock_id id);

/* Clock ticks: hundredths of a second. */
static inline uint64_t proc_ticks(nsec_t t)
{
    return (uint64_t)(t / (NSEC_PER_SEC / 100));
}

/* A number that was written, with blanks and a newline around it. Errors: EINVAL, ERANGE. */
must_use int proc_parse_number(const char *s, int64_t least, int64_t most, int64_t *out);
