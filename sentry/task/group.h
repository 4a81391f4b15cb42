/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process: threads that share a number, signals, limits and an end.
 *
 *   [I] never changes   [a] atomic   [T] RANK_TASKS   [g] its own lock
 *   [Tg] changed under both, read under either
 */
#pragma once

#include "sentry/core/limits.h"
#include "sentry/task/task.h"

struct container;
struct group_timers; /* timers.c */
struct pid;
struct session;

/* Processor time and events, of the dead: the threads of a process, or its children. */
struct usage {
    nsec_t user, sys;
    uint64_t minflt, majflt, nvcsw, nivcsw;
    uint64_t maxrss; /* bytes; the largest, not a sum */
};

enum group_flags {
    GROUP_EXITING = 1,         /* all threads are to end with exit_code */
    GROUP_STOPPED = 2,         /* all threads have stopped */
    GROUP_CONTINUED = 4,       /* has gone on since, and nobody has waited for that */
    GROUP_STOP_NEWS = 8,       /* has stopped, and nobody has waited for that */
    GROUP_TELL_STOPPED = 32,   /* its next thread to come by tells the parent */
    GROUP_TELL_CONTINUED = 64, /* the same */
    GROUP_REAPS_ALL = 128,     /* a namespace's init that ends: its children leave no zombies */
    GROUP_STOP_TAKEN = 256,    /* a stop signal was taken off a queue, and no SIGCONT came since */
    GROUP_UNKILLABLE = 16,     /* a namespace's init: signals without a handler are lost on it */
};

struct thread_group {
    struct ref ref;
    struct arena *arena;         /* [I] */
    struct container *container; /* [I] a reference */
    struct list all;             /* [T] in tasks.groups */

    struct task *leader; /* [T] a reference until it is released */
    struct list tasks;   /* [Tg] task.group_node, the leader first */
    uint32_t nlive;      /* [Tg] of them, not yet exiting */
    struct pid *pid;     /* [I] a reference: its tgid */
    struct pid *pgrp;    /* [T] a reference */
    struct list pgrp_node;
    struct session *session; /* [T] a reference */
    struct list session_node;
    bool tty_left; /* [T] has given up its session's terminal for itself: TIOCNOTTY */

    struct thread_group *parent; /* [T] weak; NULL: came from outside */
    struct task *parent_task;    /* [T] the parent's thread that made it, or took it over; weak */
    struct list children;        /* [T] thread_group.sibling */
    struct list sibling;
    int exit_signal;         /* [T] to the parent, when it ends; 0, > 64: none; -1: reaped unseen */
    bool owned;              /* [I] as its spec says: see session.c */
    bool adopted;            /* [T] by a namespace's init: see session.c */
    bool zombie;             /* [T] has ended, and waits for its parent */
    bool execed;             /* [T] has called execve since it was forked: setpgid(2) */
    _Atomic bool subreaper;  /* [T] prctl(PR_SET_CHILD_SUBREAPER) */
    uint64_t exec_id;        /* [T] execs of this process so far */
    uint64_t parent_exec_id; /* [T] the parent's, when it was forked */

    struct mutex lock;         /* RANK_GROUP */
    struct sighand *sighand;   /* [g] a reference; changed by exec, when it is alone */
    struct sigpending pending; /* [g] for any of its threads */
    uint32_t flags;            /* [g] enum group_flags */
    int exit_code;             /* [g] with GROUP_EXITING: as wait4(2) encodes it */
    int stop_signal;           /* [g] why it stops */
    uint32_t stop_count;       /* [g] threads that have yet to stop */
    struct task *exec_task;    /* [g] the thread that waits for all others to end; weak */
    struct usage dead;         /* [g] its threads that have ended */
    struct usage reaped;       /* [g] its children that were waited for */
    struct waitq child_waitq;  /* woken when a child ends, stops or goes on: wait4 */
    struct waitq signal_waitq; /* woken when a signal is sent: signalfd */

    struct limits limits;        /* each word [a]; pairs [g] */
    struct group_timers *timers; /* of timers.c; NULL where it has none */
    _Atomic int oom_score_adj;   /* -1000 … 1000 */
    int oom_score_adj_min;       /* [g] what it may go down to without CAP_SYS_RESOURCE */
};

/* References keep the memory, and its pid; nothing else. */
struct thread_group *group_get(struct thread_group *g);
void group_put(struct thread_group *g);
/* scoped(group) */
static inline maybe_unused void group_put_scoped(struct thread_group **g)
{
    group_put(*g);
}
/* By number in the pid namespace of `viewer`: given; NULL where there is none. */
must_use struct thread_group *group_find(const struct task *viewer, int tgid);
/* Its leader, given; NULL once it has been waited for. */
must_use struct task *group_leader(struct thread_group *g);
/* A thread of it that has not ended, the leader if that one lives: given; NULL where there is none.
 */
must_use struct task *group_any_live(struct thread_group *g);
/* The thread after `t` (NULL: the first), in the order of birth: given; NULL at the end. */
must_use struct task *group_next_task(struct thread_group *g, struct task *t);
/* The ids and namespace of its leader, or else of any that lives: given; NULL where there is none.
 */
must_use const struct cred *group_cred_get(struct thread_group *g);
/* enum group_flags as they are at this moment. */
uint32_t group_flags(struct thread_group *g);
uint32_t group_task_count(struct thread_group *g);

/* The calling thread ends as soon as its call returns. As wait4(2) encodes the status. */
void task_end(struct task *t, int exit_code);
/* Begins the end: all threads die, with this status (wait4's encoding). The first one wins. */
void group_kill(struct thread_group *g, int exit_code);
void group_kill_locked(struct thread_group *g, int exit_code) HOLDS(g->lock);

/*
 * Processor time in nanoseconds; `user` and `sys` may be NULL.
 *
 *   returns   the sum
 *   locks     group_cpu_time takes RANK_GROUP
 */
nsec_t task_cpu_time(struct task *t, nsec_t *user, nsec_t *sys);
nsec_t group_cpu_time(struct thread_group *g, nsec_t *user, nsec_t *sys);
