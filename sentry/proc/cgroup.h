/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of both versions of cgroups show of a container: of whoever looks. */
#pragma once

#include "sentry/proc/entry.h"
#include "sentry/task/container.h"

struct container *cgroup_container(const struct proc_view *v); /* borrowed */
const struct container_figures *cgroup_limits(const struct proc_view *v);
/* Bytes. */
uint64_t cgroup_memory_used(const struct proc_view *v);

/* Files that are the same in both. */
int cgroup_show_procs(struct proc_view *v, struct text *t);
int cgroup_show_cpus(struct proc_view *v, struct text *t);
int cgroup_show_pids_max(struct proc_view *v, struct text *t);
int cgroup_show_pids_current(struct proc_view *v, struct text *t);
