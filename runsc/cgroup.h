/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's cgroups of a container, by their files: v1, hybrid and v2.
 *
 * All our processes of a container are in its cgroups, but for one: on v1 only the
 * container's own process is in the cgroup that counts processes, since the sentry has a
 * thread and a stub for each of the guest's. The sentry keeps that limit itself.
 *
 * Which directories there are is kept in the container's state, as an array of
 * {"controllers": "cpu,cpuacct", "path": "/sys/fs/cgroup/cpu,cpuacct/x"}; for v2 the
 * controllers are "".
 */
#pragma once

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "runsc/json.h"

/*
 * Where a container's directory is, below each mount point.
 *
 *   path      as in linux.cgroupsPath; NULL or empty: one that nobody else has, made of
 *   id        and of
 *   root      where its state is; NULL: where it is by default. Others may have an id of the same
 *             name elsewhere, and with a cgroup goes all that is in it
 *   errors    EINVAL of "/" and of "..", ENAMETOOLONG; with words
 */
must_use int cgroup_choose(const char *path, const char *id, const char *root, char *out,
                           size_t size, struct err *e);

/*
 * Makes the directories. A hierarchy that cannot be written is left out with a warning:
 * containers of users have no limits on v1.
 *
 *   where     as cgroup_choose() has it, or a scope's
 *   own       a process of ours that is in it already; 0: none
 *   out       the array: given, also where this fails
 *   errors    EBUSY with words where others are in one, or below it: nothing was changed
 *   blocks    until who is ending there has ended, for half a second
 */
must_use int cgroup_create(const char *where, pid_t own, json_t **out, struct err *e);

/* Everything but the counting of processes; and that. Where it fails, a warning. */
void cgroup_enter(const json_t *cgroups, pid_t pid);
void cgroup_enter_pids(const json_t *cgroups, pid_t pid);

/*
 * Opens the files by which processes get into those that count and limit what they use: for
 * who has no right to open them.
 *
 *   out       given, close-on-exec
 *   returns   how many
 */
size_t cgroup_doors(const json_t *cgroups, int *out, size_t max);

/*
 * Sets what linux.resources says, and leaves the rest as it is. What cannot be limited here is said
 * in a warning. Errors: with words that name the field.
 */
must_use int cgroup_limit(const json_t *cgroups, const struct node *resources, struct err *e);
/* What holds now: in microseconds, and bytes; -1 where there is no limit. */
void cgroup_cpu(const json_t *cgroups, int64_t *quota, int64_t *period);
int64_t cgroup_memory(const json_t *cgroups);

bool cgroup_is_frozen(const json_t *cgroups);
/* Errors: with words; ENOTSUP where there is no freezer. Blocks until it is done. */
must_use int cgroup_freeze(const json_t *cgroups, bool freeze, struct err *e);

/* The processes in it: an array of numbers, given. */
json_t *cgroup_procs(const json_t *cgroups);

/* ---- cgroup_stats.c ---- */

/* What they use, as `runsc events` prints it: given. */
json_t *cgroup_stats(const json_t *cgroups);
/*
 * A descriptor that can be read when the host has killed for want of memory. ENOTSUP where no
 * cgroup limits it.
 */
must_use int cgroup_oom_watch(const json_t *cgroups);
/* It can be read: has it been so? `known` is how many kills have been told of: 0 at first. */
bool cgroup_oom_seen(const json_t *cgroups, int watch, uint64_t *known);

/* Its directories go; what still runs in it is killed. */
void cgroup_remove(const json_t *cgroups);

/* ---- cgroup_mounts.c ---- */

/* The hierarchies that limits are set in: as the array above, with mount points for paths. Given.
 */
json_t *cgroup_mounts(void);
/* Those in a text like that of /proc/self/mountinfo, which is read to its end. */
json_t *cgroup_mounts_in(FILE *mountinfo);
/* Whether limits are v2's here. */
bool cgroup_host_is_v2(void);

/* ---- for cgroup_limit.c and systemd.c ---- */

#define CGROUP_PIDS_MAX (INT64_C(1) << 22) /* more are refused */

/* What v2 counts for a limit of processes: with one hierarchy our own threads and stubs are in it.
 */
static inline int64_t cgroup_pids_v2(int64_t limit)
{
    return limit < CGROUP_PIDS_MAX / 2 - 32 ? 2 * limit + 64 : CGROUP_PIDS_MAX;
}

/* The swap alone, of which v2 has the limit, where v1's is of memory and swap. -1: any. */
static inline int64_t cgroup_swap_v2(int64_t memory, int64_t sum)
{
    if (memory < 0)
        return sum;
    return sum < 0 ? -1 : sum > memory ? sum - memory : 0;
}

/* The directory that has this controller; NULL: none. Borrowed. */
const char *cgroup_path(const json_t *cgroups, const char *controller);
bool cgroup_is_v2(const json_t *cgroups);
/* Writes a file of a directory. Returns 0 or -errno. */
must_use int cgroup_write(const char *dir, const char *file, const char *text);
/* Reads one: its length, or -errno. */
must_use ssize_t cgroup_read(const char *dir, const char *file, char *text, size_t size);
