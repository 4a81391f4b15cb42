/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of a guest, and what every call needs of it.
 *
 * Each task has one host thread for life, which runs task_run() (run.c): guest code
 * until a stop, then the sentry's answer.
 *
 *   [I] never changes   [t] only its own thread   [a] atomic   [T] RANK_TASKS
 *   [g] the group's lock   [l] its own lock   [tl] written by its thread under its
 *   lock: that thread reads without, others under the lock
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
#include "sentry/mm/patch.h"
#include "sentry/vfs/fdtable.h"
#include "sentry/vfs/walk.h"

struct ipc_ns;
struct pid;
struct pid_ns;
struct sem_undo_list;
struct sighand;
struct task;
struct tasks;
struct thread_group;
struct uts_ns;

typedef uint64_t sigset64; /* bit n-1 is signal n */

struct sigpending {
    sigset64 set;      /* what is pending, queued or not */
    struct list queue; /* struct sigqueue, oldest first */
};

#define TASK_CPUS_MAX 1024 /* as many as an affinity mask can name */

struct task {
    struct ref ref;
    struct arena *arena;        /* [I] */
    struct thread_group *group; /* [I] a reference */
    struct list group_node;     /* changed under [T] and [g] both, read under either */
    struct pid *pid;            /* [T] a reference; exec by a thread takes over the leader's.
                                   Its own thread reads it without the lock */

    struct mutex lock;              /* RANK_TASK */
    struct mm *mm;                  /* [tl] NULL once it has exited: task_mm_get() */
    struct fdtable *files;          /* [tl] the same */
    struct fs_context *fs;          /* [tl] the same */
    const struct cred *cred;        /* [tl] never NULL: task_cred_get() */
    struct uts_ns *uts;             /* [tl] NULL once it has exited */
    struct ipc_ns *ipc;             /* [tl] the same */
    struct sem_undo_list *undo;     /* [t] SEM_UNDO; a reference; NULL: nothing yet */
    struct pid_ns *pid_ns_children; /* [t] where its children get their numbers; a reference */
    char name[16];                  /* [l] comm */

    struct guest_regs regs;             /* [t] task_regs(); by itself, only what a brief stop has */
    bool brief;                         /* [t] the rest is still with the platform */
    struct patch_detour detour;         /* [t] where the next run really begins */
    struct aspace *aspace;              /* [t] of mm, once it has run there: borrowed */
    struct mm *former;                  /* [t] what exec has left of the one before, or NULL */
    struct guest_thread *_Atomic guest; /* [a] the platform's half; a host object. Its thread sets
                                          and clears it; others hold guest_users meanwhile */
    _Atomic uint32_t guest_users;       /* others that are looking at `guest` */
    _Atomic uint32_t in_guest;          /* its thread is in run(), or about to be */
    _Atomic int host_tid;               /* of its thread, for its processor time; 0: none */
    nsec_t host_before;                 /* what of that others have used, who had the thread before.
                                           Set before `guest` */
    void *fpu;                          /* [t] arena: room for the platform's XSAVE area, or NULL */
    bool fpu_load;                      /* [t] `fpu` is to be loaded before the first run */
    struct {
        uint64_t no, error, cr2; /* of the last fault or exception, as a sigcontext shows it */
    } trap;                      /* [t] */

    sigset64 blocked;          /* [t] reads; [g] writes, and reads by others */
    sigset64 saved_blocked;    /* [t] to restore after sigsuspend, ppoll … */
    bool restore_blocked;      /* [t] */
    struct sigpending pending; /* [g] */
    _Atomic uint32_t work;     /* TASK_*: why it must come back before guest code runs again */
    bool stopping;             /* [g] counted in group->stop_count: has yet to stop */
    uint64_t sas_at, sas_size; /* [t] sigaltstack */
    uint32_t sas_flags;        /* [t] SS_AUTODISARM, SS_DISABLE */

    struct park park;          /* where its thread sleeps */
    _Atomic uint32_t sleeping; /* enum task_sleep: for /proc/PID/stat's state */
    _Atomic uint32_t life;     /* enum task_life; changed under [T] and [g] */

    uptr_t clear_tid;            /* [t] set_tid_address */
    uptr_t robust_list;          /* [l] */
    _Atomic uint32_t futex_exit; /* enum futex_exit: does it still own what words say it does? */
    struct rseq_state {
        uptr_t area;
        uint32_t size, sig;
    } rseq;                    /* [t] */
    struct task *vfork_parent; /* [l] sleeps until this one execs or exits; a reference */

    int exit_code;                  /* [t] then [T] as wait4(2) encodes it */
    _Atomic int pdeath_signal;      /* prctl(PR_SET_PDEATHSIG) */
    bool charged;                   /* [t] RLIMIT_NPROC counts it, */
    uint32_t charged_uid;           /* [t] against this user */
    nsec_t started;                 /* [I] CLOCK_MONOTONIC */
    nsec_t started_boot;            /* [I] CLOCK_BOOTTIME: /proc/PID/stat */
    nsec_t exited_user, exited_sys; /* [g] processor time, once its host thread has gone */
    _Atomic uint64_t nvcsw, nivcsw, minflt, majflt;
    _Atomic uint64_t timer_slack; /* nanoseconds */
    _Atomic uint32_t personality;
    _Atomic int mce_kill;       /* PR_MCE_KILL_GET */
    _Atomic int nice;           /* -20 … 19 */
    _Atomic uint32_t policy;    /* SCHED_OTHER, SCHED_BATCH, SCHED_IDLE */
    _Atomic bool reset_on_fork; /* SCHED_RESET_ON_FORK */
    _Atomic uint32_t ioprio;
    uint64_t affinity[TASK_CPUS_MAX / 64]; /* [l] */
    struct restart_block {                 /* [t] for ERESTART_RESTARTBLOCK */
        long (*fn)(struct task *t);
        uint64_t arg[6];
    } restart;
    _Atomic int syscall_nr; /* the call it is in, -1 outside: /proc/PID/syscall */
    bool no_result;         /* [t] the call has set all registers itself: rt_sigreturn, execve */
};

/* Bits of task.work. */
enum {
    TASK_SIGNAL = 1,   /* a signal may be deliverable */
    TASK_KILLED = 2,   /* die now: group exit, exec by another thread, sandbox end */
    TASK_STOP = 4,     /* job control: take part in the group's stop */
    TASK_CALL = 8,     /* run tasks_ops.call before guest code */
    TASK_ANSWERS = 16, /* what the platform answers for us has changed: ids, the parent */
    TASK_FROZEN = 32,  /* its container may not run for now */
};

/* What a task's thread waits for, as ps(1) would show it. */
enum task_sleep {
    TASK_AWAKE,         /* R */
    TASK_SLEEP_SIGNALS, /* S: any signal ends it */
    TASK_SLEEP_KILL,    /* D: only death ends it */
    TASK_SLEEP_STOPPED, /* T */
};

enum task_life {
    TASK_NEW, /* not started: nobody can find it */
    TASK_ALIVE,
    TASK_EXITING, /* takes no more signals */
    TASK_ZOMBIE,  /* a leader that nobody has waited for, or whose group lives on */
    TASK_DEAD,    /* has no number any more */
};

/*
 * Linux's own restart codes; they never reach a guest (restart.c).
 *
 *   ERESTARTSYS            again, but EINTR where a handler without SA_RESTART ran
 *   ERESTARTNOINTR         again in any case
 *   ERESTARTNOHAND         again, but EINTR where any handler ran
 *   ERESTART_RESTARTBLOCK  the same, and again means task.restart.fn
 */
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516

/* ---- what handlers use ---- */

/* The open file behind `fd`, with a reference; NULL (EBADF) where there is none or it is O_PATH. */
must_use struct file *task_file(struct task *t, int fd);
/* The same, O_PATH files included. */
must_use struct file *task_file_any(struct task *t, int fd);
/* As task_file() and task_file_any(), for the length of the call only. */
struct file_use task_use(struct task *t, int fd);
struct file_use task_use_any(struct task *t, int fd);
/* Installs at the lowest free descriptor. Errors: EMFILE, ENOMEM. Returns the number. */
must_use int task_install(struct task *t, struct file *f, bool cloexec);
/* fdtable_reserve(). */
must_use int task_reserve(struct task *t, struct fd_slot *out);
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
static inline bool task_root_capable(const struct task *t, int cap)
{
    return cred_root_capable(t->cred, cap);
}

/* All its registers, to read and to change. On the task's own thread. */
struct guest_regs *task_regs(struct task *t);

/* ---- other tasks ---- */

struct task *task_get(struct task *t);
void task_put(struct task *t);
DEFINE_SCOPED(task)
/* By number in the pid namespace of `viewer`: given; NULL where there is none. */
must_use struct task *task_find(const struct task *viewer, int tid);
/* Numbers as seen from `viewer`'s pid namespace (NULL: the sandbox's own); 0 where invisible. */
int task_tid(const struct task *t, const struct task *viewer);
int task_tgid(const struct task *t, const struct task *viewer);
int task_ppid(const struct task *t, const struct task *viewer);
/* References to parts of another task; NULL where it has none any more. */
must_use struct mm *task_mm_get(struct task *t);
must_use struct fdtable *task_files_get(struct task *t);
must_use struct fs_context *task_fs_get(struct task *t);
must_use struct uts_ns *task_uts_get(struct task *t);
must_use struct ipc_ns *task_ipc_get(struct task *t);
must_use const struct cred *task_cred_get(struct task *t);
/* May `t` look into `other` (ptrace_may_access)? Errors: EPERM. */
must_use int task_may_access(struct task *t, struct task *other);
/* The same with the real ids of `t`: what kcmp(2), pidfd_getfd(2), process_vm_readv(2) and
 * ptrace(2) ask. */
must_use int task_may_attach(struct task *t, struct task *other);
/* Publishes a changed copy of the credentials: taken. On the task's own thread. */
void task_set_cred(struct task *t, struct cred *c);
/* Copies comm, 16 bytes with its NUL. */
void task_get_name(struct task *t, char out[16]);
void task_set_name(struct task *t, const char *name);
/* R, S, D, T, Z or X: /proc/PID/stat. */
char task_state(struct task *t);

/* ---- sleeping: used by block.h only ---- */

/*
 * Sleeps until task_wake(), a deliverable signal, or a time. What is awaited must be
 * looked at between park_prepare(&t->park) and here, or a wake may be forgotten.
 *
 *   deadline  CLOCK_MONOTONIC, NSEC_NEVER for none
 *   returns   0 woken, perhaps for nothing; -ETIMEDOUT; -ERESTARTSYS where a signal is due
 *   locks     none may be held
 */
must_use int task_sleep(struct task *t, nsec_t deadline);
/* The same, but only death ends it early: vfork, exec. -EINTR then. */
must_use int task_sleep_killable(struct task *t);
/* Any thread, any lock; a wake before the sleep is not lost. */
void task_wake(struct task *t);
/* Would a sleep end at once by a signal? */
bool task_signal_due(struct task *t);
/* Is it to die as soon as it can? */
static inline bool task_killed(const struct task *t)
{
    return atomic_load_explicit(&t->work, memory_order_relaxed) & TASK_KILLED;
}

static inline uint64_t task_limit(const struct task *t, int which)
{
    return limit_soft(task_limits(t), which);
}
