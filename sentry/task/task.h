/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of a guest, and what every call needs of it.
 *
 * Each task has one host thread for life, which runs task_run() (run.c): guest code
 * until a stop, then the sentry's answer. Fields marked [t] are touched by that
 * thread alone.
 */
#pragma once

#include <signal.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/ref.h"
#include "include/platform.h"
#include "sentry/core/cred.h"
#include "sentry/core/limits.h"
#include "sentry/core/waitq.h"
#include "sentry/mm/io.h"
#include "sentry/mm/mm.h"
#include "sentry/vfs/fdtable.h"
#include "sentry/vfs/walk.h"

struct pid;
struct pid_ns;
struct sighand;
struct task;
struct tasks;
struct thread_group;
struct uts_ns;

typedef uint64_t sigset64; /* bit n-1 is signal n */

struct sigpending {
    sigset64 set;      /* what is pending, queued or not */
    struct list queue; /* struct sigqueue, oldest first */
    uint32_t count;
};

struct task {
    struct ref ref;
    struct arena *arena;        /* [I] */
    struct thread_group *group; /* [I] */
    struct list group_node;     /* [RANK_TASKS] in group->tasks */
    struct pid *pid;            /* [RANK_TASKS] exec by a thread takes over the leader's */

    struct mm *mm;           /* [t] writes under lock; others read it by task_mm_get() */
    struct fdtable *files;   /* the same */
    struct fs_context *fs;   /* the same */
    const struct cred *cred; /* the same: task_cred_get() */
    struct uts_ns *uts;      /* the same */
    struct pid_ns *pid_ns_children;
    struct mutex lock; /* RANK_TASK: guards the pointers above against readers in other tasks */

    struct guest_regs regs;     /* [t] */
    struct guest_thread *guest; /* [t] the platform's half; host object */
    void *fpu;                  /* [t] arena bytes to load before the first run, or NULL */
    char name[16];              /* [RANK_TASK] comm */

    sigset64 blocked;          /* [t] writes under group lock */
    sigset64 saved_blocked;    /* [t] to restore after sigsuspend, ppoll … */
    bool restore_blocked;      /* [t] */
    struct sigpending pending; /* [RANK_GROUP] */
    _Atomic uint32_t work;     /* TASK_*: why it must come back before guest code runs again */
    uint64_t sas_at, sas_size; /* [t] sigaltstack */
    uint32_t sas_flags;

    struct park park;          /* where its thread sleeps */
    _Atomic uint32_t sleeping; /* TASK_SLEEP_*: for /proc/PID/stat's state and for wakers */

    uptr_t clear_tid;   /* [t] set_tid_address */
    uptr_t robust_list; /* [t] */
    struct rseq_state {
        uptr_t area;
        uint32_t size, sig;
    } rseq;                    /* [t] */
    int exit_signal;           /* [RANK_TASKS] */
    int pdeath_signal;         /* [a] prctl(PR_SET_PDEATHSIG) */
    nsec_t started;            /* [I] CLOCK_MONOTONIC */
    _Atomic uint64_t sys_time; /* nanoseconds its thread spent in the sentry */
    _Atomic uint64_t nvcsw, nivcsw, minflt, majflt;
    uint64_t timer_slack;
    struct restart_block { /* [t] for ERESTART_RESTARTBLOCK */
        long (*fn)(struct task *t);
        uint64_t arg[4];
    } restart;
    int syscall_nr; /* [t] the call it is in, -1 outside: /proc/PID/syscall */
    void *priv;     /* of task/: what only that folder sees */
};

enum {
    TASK_SIGNAL = 1, /* a signal may be deliverable */
    TASK_KILLED = 2, /* die now: group exit, exec by another thread, sandbox end */
    TASK_STOP = 4,   /* job control or ptrace */
    TASK_CALL = 8,   /* something else to run before guest code (task->priv knows) */
};

/* ---- what handlers use ---- */

/* The open file behind `fd`, with a reference; NULL (EBADF) where there is none or it is O_PATH. */
must_use struct file *task_file(struct task *t, int fd);
/* The same, O_PATH files included. */
must_use struct file *task_file_any(struct task *t, int fd);
/* Installs at the lowest free descriptor. Errors: EMFILE, ENOMEM. Returns the number. */
must_use int task_install(struct task *t, struct file *f, bool cloexec);
/* Who asks, for vfs: all borrowed from `t`. */
void task_actor(struct task *t, struct actor *out);
/* Aims at guest memory, on behalf of `t`. (After io_user_vec(), set io.task by hand.) */
static inline must_use int task_io(struct task *t, uptr_t buf, size_t size, struct io *io)
{
    int err = io_user(io, t->mm, buf, size);
    io->task = t;
    return err;
}
/* A path argument: copies it into `buf` of PATH_MAX bytes. Errors: EFAULT, ENAMETOOLONG. ENOENT for
 * "" is the walk's. */
must_use int task_path(struct task *t, uptr_t from, char *buf);
/*
 * Where a relative path starts: AT_FDCWD gives NULL in *base.
 *
 *   hold      keeps the file; the caller puts it (may come out NULL)
 *   errors    EBADF; ENOTDIR is the walk's
 */
must_use int task_dirfd(struct task *t, int dirfd, struct file **hold, const struct path **base);
static inline uint64_t task_limit(const struct task *t, int which);
struct limits *task_limits(const struct task *t);
nsec_t task_now(const struct task *t, enum clock_id id);
static inline bool task_capable(const struct task *t, int cap)
{
    return cred_capable(t->cred, cap);
}

/* ---- other tasks ---- */

struct task *task_get(struct task *t);
void task_put(struct task *t);
DEFINE_SCOPED(task)
/* By number in the pid namespace of `viewer`: given; NULL where there is none. */
must_use struct task *task_find(const struct task *viewer, int tid);
/* Numbers as seen from `viewer`'s pid namespace; 0 where invisible. */
int task_tid(const struct task *t, const struct task *viewer);
int task_tgid(const struct task *t, const struct task *viewer);
int task_ppid(const struct task *t, const struct task *viewer);
/* References to parts of another task; NULL where it has none any more. */
must_use struct mm *task_mm_get(struct task *t);
must_use struct fdtable *task_files_get(struct task *t);
must_use struct fs_context *task_fs_get(struct task *t);
must_use const struct cred *task_cred_get(struct task *t);
/* May `t` look into `other` (ptrace_may_access)? Errors: EPERM. */
must_use int task_may_access(struct task *t, struct task *other);
/* Publishes a changed copy of the credentials: taken. */
void task_set_cred(struct task *t, struct cred *c);

/* ---- sleeping: used by block.h only ---- */

/*
 * Sleeps until task_wake(), a deliverable signal, or a time.
 *
 *   deadline  CLOCK_MONOTONIC, NSEC_NEVER for none
 *   returns   0 woken; -ETIMEDOUT; -ERESTARTSYS where a signal is due
 *   locks     none may be held
 */
must_use int task_sleep(struct task *t, nsec_t deadline);
/* Any thread; a wake before the sleep is not lost. */
void task_wake(struct task *t);
/* Would a sleep end at once by a signal? */
bool task_signal_due(struct task *t);

static inline uint64_t task_limit(const struct task *t, int which)
{
    return limit_soft(task_limits(t), which);
}
