/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of one container have in common, beside their namespaces: a sandbox has
 * one container, and a pod's has several.
 *
 * Every process is of the container that its parent is of, for life. What Linux has cgroups
 * for hangs here: who is killed and frozen together, and how many there may be.
 *
 *   [I] never changes once its first process is there   [T] RANK_TASKS   [a] atomic
 */
#pragma once

#include "base/list.h"
#include "base/ref.h"
#include "sentry/core/arena.h"
#include "sentry/core/waitq.h"

struct aspace;
struct pid_ns;
struct seccomp_profile;
struct task;
struct thread_group;
struct uts_ns;

/* What a cgroup mount shows: 0: none. The host keeps those of processors. */
struct container_figures {
    _Atomic uint64_t memory;        /* bytes */
    _Atomic uint64_t pids;          /* kept as container.limit */
    _Atomic uint64_t quota, period; /* µs */
    _Atomic uint64_t shares;        /* as cgroups v1 count them */
};

struct container {
    struct ref ref;
    struct container_figures figures; /* [a] */
    struct arena *arena;              /* [I] */
    struct pid_ns *pid_ns;            /* [I] where its first process gets its number; a reference */
    struct uts_ns *uts;               /* [I] the names that it begins with; a reference */
    struct seccomp_profile *profile;  /* [I] which calls its programs may make; NULL: all */
    struct aspace *seed;              /* [I] a host object: what its new address spaces are forked
                                         from; NULL: the platform's first */
    bool cgroup_v1;                   /* [I] its cgroups are shown as of version 1 */
    uint64_t mem;                     /* [I] bytes of memory that it is shown; 0: all there is */
    uint32_t count, limit;            /* [T] its tasks that have a number, or are about
                                         to; how many there may be */
    bool ended;                       /* [T] no new ones */
    _Atomic uint32_t threads;         /* [a] host threads of its tasks that have not yet ended */
    _Atomic bool frozen;              /* [a] none of it runs */
    struct waitq thawed;              /* woken when it may run again */
};

/*
 * Makes one.
 *
 *   pid_ns, uts   referenced
 *   limit         0: as many tasks as there are numbers
 *   errors        ENOMEM
 */
must_use int task_container_create(struct arena *a, struct pid_ns *pid_ns, struct uts_ns *uts,
                                   uint32_t limit, struct container **out);
struct container *task_container_get(struct container *c);
/* No process is left of it. NULL is fine. */
void task_container_put(struct container *c);

struct container *task_container(const struct task *t);
/*
 * A place for one more task, before it gets its number. False where no more may be born in it.
 *
 *   locks     RANK_TASKS held
 */
must_use bool task_container_enter_locked(struct container *c);
/* Its number is free again. */
void task_container_leave_locked(struct container *c);

/* Another limit of its tasks; 0: as many as there are numbers. Those above it stay. */
void task_container_set_limit(struct container *c, uint32_t most);

/* Each of its processes gets a signal, as from outside. */
void task_container_signal(struct container *c, int sig);
/*
 * All that is left of it dies, and nothing is born any more. A zombie may stay, where it is
 * for a process of another container to wait for it.
 *
 *   blocks    until none of it runs
 */
void task_container_end(struct container *c);

/* No thread of it runs guest code from now on, until it is thawed: calls that sleep sleep on. */
void task_container_freeze(struct container *c);
void task_container_thaw(struct container *c);
/* On a thread of its own: waits for that, or for death. */
void task_container_wait_thaw(struct task *t);

/* What it has in memory, as the sum over its processes: pages that two have count twice. */
uint64_t task_container_rss(struct container *c);
/*
 * The memory that its programs are shown, in bytes: all there is; or, where it has a limit of
 * its own beside others, that, and what is mapped in its processes, in each counted again.
 */
void task_container_memory(struct container *c, uint64_t *total, uint64_t *used);
