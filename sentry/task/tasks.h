/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of all tasks: the tables, the limit, the end.
 *
 * One lock, RANK_TASKS, guards the tables of numbers, the family tree (parents,
 * children, threads of a group), sessions and process groups. It is the outermost
 * of the sentry's own: a signal to a process group goes down it to each group's
 * lock (RANK_GROUP), from there to the handlers (RANK_SIGHAND) and, far below, the
 * counts of a user (RANK_USERS). A task's own lock (RANK_TASK) may be taken under any of these,
 * but never the other way round: whoever has a pointer from it puts it back first.
 *
 *   [I] never changes   [T] its lock   [a] atomic
 */
#pragma once

#include "base/rbtree.h"
#include "sentry/core/arena.h"
#include "sentry/task/task.h"

/* What lies above task/. One constant. */
struct tasks_ops {
    /* Answers a system call: the value for the result register. */
    long (*dispatch)(struct task *t, uint64_t nr, const uint64_t regs[6]);
    /* TASK_CALL was set: runs on the task's own thread before guest code. May be NULL. */
    void (*call)(struct task *t);
    /* What calls of the task give that the platform may answer by itself; how many. May be NULL. */
    size_t (*answers)(struct task *t, struct guest_answer out[GUEST_ANSWERS_MAX]);
};

struct tasks_options {
    const struct tasks_ops *ops;
    const char *nodename;    /* of the first uts namespace */
    uint32_t max_tasks;      /* of the first container: threads that may be alive at once; 0: as
                                many as numbers */
    bool pod;                /* the first container does not see into others: it has a pid
                                namespace beside theirs */
    uint32_t cpus;           /* processors that the guest sees; at least 1 */
    struct user_ns *user_ns; /* the sandbox's own; borrowed */
};

struct tasks {
    struct mutex lock;           /* RANK_TASKS */
    struct arena *arena;         /* [I] */
    const struct tasks_ops *ops; /* [I] */
    struct pid_ns *pid_ns;       /* [I] the outermost; a reference */
    struct uts_ns *uts;          /* [I] the first; a reference */
    struct ipc_ns *ipc;          /* [I] the first, of all containers; a reference */
    struct list groups;          /* [T] thread_group.all: in the order of birth */
    struct container *first;     /* [I] the sandbox's own; a reference */
    uint32_t count;              /* [T] tasks that have a number, zombies too: container.count */
    bool ended;                  /* [T] tasks_kill_all() was called: no new ones */
    uint32_t cpus;               /* [I] processors that the guest sees, from 0 on */
    _Atomic uint64_t next_ino;   /* of namespaces */
    struct limits orphan_limits; /* of address spaces whose process ended before others let go */
    _Atomic uint32_t threads;    /* host threads that have not yet ended */
    struct waitq idle;           /* woken when a process ends, and when the last thread has */
    _Atomic uint64_t forks, oom_kills, switches;
};

/* Makes the root and puts it at ROOT_TASKS. Errors: ENOMEM. */
must_use int tasks_create(struct arena *a, const struct tasks_options *opts);
/* All threads have ended. */
void tasks_destroy(struct arena *a);

static inline struct tasks *tasks_of(const struct arena *a)
{
    return (struct tasks *)arena_root(a, ROOT_TASKS);
}

/* How a process starts out: what sched_setattr(2) and its kin change. */
struct task_sched {
    uint32_t personality, policy, ioprio;
    int nice;
    bool reset_on_fork;
    const uint64_t *affinity; /* TASK_CPUS_MAX bits; NULL: all processors */
};

/* The first process of a container, or one that is put into it from outside (`runsc exec`). */
struct task_spec {
    struct mm *mm;                 /* taken */
    struct fdtable *files;         /* taken */
    struct fs_context *fs;         /* taken */
    const struct cred *cred;       /* taken */
    struct container *container;   /* borrowed; NULL: the sandbox's first */
    struct uts_ns *uts;            /* borrowed; NULL: the container's */
    struct pid_ns *pid_ns;         /* borrowed; NULL: the container's. Its first process becomes its
                                      init */
    const struct limits *limits;   /* copied */
    const struct guest_regs *regs; /* copied; NULL where load_exec() is yet to be called on it */
    const char *name;              /* comm */
    int oom_score_adj;
    struct task_sched sched;
    bool shielded; /* as a namespace's init: signals that it has no handler for are lost on it */
    bool owned;    /* who waits for it outside can continue it, too: its group is not orphaned */
};

/*
 * Makes a process without a parent: a session and a process group of its own.
 *
 *   out       given; task_start() or task_discard() must follow
 *   errors    EAGAIN past the limit of tasks, or where the namespace's init has gone; ENOMEM
 */
must_use int task_create_init(struct arena *a, const struct task_spec *spec, struct task **out);
/* Starts its host thread. Errors: EAGAIN where the host has none (the task is then gone). */
must_use int task_start(struct task *t);
/* One that never ran. */
void task_discard(struct task *t);

/*
 * Waits for a process that has no parent: for its end, or for the next time that it stops.
 *
 *   returns   its status as wait4(2) encodes it, with WUNTRACED
 *   blocks    for that
 */
int tasks_wait_init(struct thread_group *g);
/* Kills everything. Threads end soon: tasks_wait_idle(). */
void tasks_kill_all(struct arena *a);
/* Waits until no host thread of a task is left. False where `deadline` came first. */
must_use bool tasks_wait_idle(struct arena *a, nsec_t deadline);

/* The next process whose number in `ns` is at or above *nr; given, NULL at the end. Sets *nr. */
must_use struct thread_group *tasks_next_group(struct pid_ns *ns, int *nr);
uint32_t tasks_count(struct arena *a); /* threads, in the whole sandbox */
/* A number for a namespace's inode: never given twice. */
uint64_t tasks_ns_ino(struct arena *a);
