/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc: what the kernel shows of itself and of its processes, as files.
 *
 *   source    proc(5)
 */
#pragma once

#include "sentry/task/pid.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/mount.h"

/*
 * Makes a procfs that shows the pid namespace of whoever mounts it; the sandbox's own
 * where that is nobody. As fs_type.create.
 *
 *   options   none, or hidepid=0
 *   errors    EINVAL, ENOMEM
 */
must_use int proc_create(struct arena *a, const char *source, const char *options,
                         const struct actor *who, struct dentry **out);

/* Makes a cgroup2 that shows a container as the one cgroup that it is. Errors: ENOMEM. */
must_use int cgroup_fs_create(struct arena *a, struct dentry **out);
/*
 * The same of version 1, where it is several file systems: "cpuset", "cpu,cpuacct", "memory",
 * "pids"; and what has a directory for each of them. Errors: EINVAL, ENOMEM.
 */
must_use int cgroup_v1_create(struct arena *a, const char *controllers, struct dentry **out);
must_use int cgroup_places_create(struct arena *a, struct dentry **out);

/* The process whose /proc/PID an open directory is; NULL where it is something else. Borrowed. */
struct pid *proc_dir_pid(const struct file *f);
