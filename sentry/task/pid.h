/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of tasks, and the namespaces that give them.
 *
 * A struct pid is one identity: it has a number in the namespace it was made in and
 * in each of that one's ancestors. It stays in the tables for as long as it names a
 * thread, a process, a process group or a session; references keep the memory only.
 *
 *   [I] never changes   [T] RANK_TASKS
 *   source    pid_namespaces(7), credentials(7)
 */
#pragma once

#include "base/list.h"
#include "base/rbtree.h"
#include "base/ref.h"
#include "sentry/core/cred.h"
#include "sentry/core/waitq.h"

struct ipc_pid_hooks;
struct pid;
struct pid_ns;
struct session;
struct task;
struct tasks;
struct thread_group;

#define PID_NS_LEVELS 32
#define PID_FIRST     300   /* numbers below are not given out a second time, as in Linux */
#define PID_MAX       32768 /* numbers are below */

/* One number of a pid, in one namespace. */
struct pid_number {
    struct rb_node node; /* [T] in ns->numbers */
    int nr;              /* [I] */
    struct pid_ns *ns;   /* [I] a reference */
    struct pid *pid;     /* [I] */
};

struct pid {
    struct ref ref;
    uint32_t level;    /* [I] */
    bool hashed;       /* [T] in the tables */
    struct task *task; /* [T] the thread of this number; weak: cleared when it is released */
    struct thread_group *group; /* [T] the process of this number; the same */
    struct list pgrp;           /* [T] thread_group.pgrp_node: the group's members */
    struct session *session;    /* [T] the session of this number; weak */
    struct waitq waitq;         /* woken when the process has ended: pidfds */
    struct pid_number *numbers; /* [I] of level 0 … level */
    struct pid_number only;     /* room for the common case */
};

struct pid_ns {
    struct ref ref;
    struct arena *arena;         /* [I] */
    struct pid_ns *parent;       /* [I] a reference; NULL: the sandbox's own */
    struct user_ns *user_ns;     /* [I] a reference */
    uint32_t level;              /* [I] */
    uint64_t ino;                /* [I] /proc/PID/ns/pid */
    struct rb_root numbers;      /* [T] struct pid_number, by nr */
    int last;                    /* [T] the number given out last */
    struct thread_group *reaper; /* [T] its init; NULL before and after; weak */
    bool dead;                   /* [T] its init has gone, or goes: pid_ns_is_dead() */
};

must_use int pid_ns_create(struct arena *a, struct pid_ns *parent, struct user_ns *owner,
                           struct pid_ns **out);
struct pid_ns *pid_ns_get(struct pid_ns *ns);
void pid_ns_put(struct pid_ns *ns);
DEFINE_SCOPED(pid_ns)
/* Has its init gone, or that of one above it? No numbers any more. RANK_TASKS held. */
static inline bool pid_ns_is_dead(const struct pid_ns *ns)
{
    for (; ns; ns = ns->parent) {
        if (ns->dead)
            return true;
    }
    return false;
}
/* Is `ns` `ancestor`, or below it? */
bool pid_ns_is_within(const struct pid_ns *ns, const struct pid_ns *ancestor);

/*
 * Takes numbers in `ns` and its ancestors.
 *
 *   wanted    numbers from the innermost namespace outwards (clone3's set_tid), NULL: any
 *   count     of `wanted`, at most level + 1
 *   errors    EAGAIN where a namespace has none left; ENOMEM; EEXIST where a wanted one is
 *             taken; EINVAL where it cannot be; ENOMEM where the namespace's init has gone
 *   locks     RANK_TASKS held
 */
must_use int pid_create_locked(struct tasks *ts, struct pid_ns *ns, const int *wanted,
                               unsigned count, struct pid **out);
struct pid *pid_get(struct pid *p);
void pid_put(struct pid *p);
DEFINE_SCOPED(pid)
/* Takes it out of the tables where it names nothing any more. */
void pid_release_locked(struct pid *p);

/* For ipc_ns_create(): who has done what last is remembered by these. */
extern const struct ipc_pid_hooks pid_ipc_hooks;
/* Its number in `ns`; 0 where it has none there. */
int pid_nr(const struct pid *p, const struct pid_ns *ns);
/* The namespace it was made in: borrowed. */
static inline struct pid_ns *pid_ns_of(const struct pid *p)
{
    return p->numbers[p->level].ns;
}
/* Borrowed; NULL where there is none. */
struct pid *pid_find_locked(const struct pid_ns *ns, int nr);
/* The one of the lowest number at or above `from`: borrowed, or NULL. */
struct pid *pid_next_locked(const struct pid_ns *ns, int from, int *nr);
