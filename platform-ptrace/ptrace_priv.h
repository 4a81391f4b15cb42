/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. Nothing outside includes it. */
#pragma once

#include <sched.h>

#include "base/bitmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "include/platform.h"
#include "platform-ptrace/agent.h"

#define ASPACES_MAX 16384 /* command areas: 256 MiB of a sparse file */
#define FILES_MAX   4096

/* [I] never changes   [l] under lock   [a] atomic   [t] only its own thread */

/* A stub that we have killed and not yet waited for. */
struct corpse {
    struct list node;
    pid_t pid;
    int slot; /* of the command area that is free once it is gone, or -1 */
};

struct aspace {
    struct platform *p;    /* [I] */
    uint64_t id;           /* [I] never used again, unlike the pointer */
    int slot;              /* [I] index of the command area */
    struct corpse *corpse; /* [I] what it becomes: its end must not need memory */
    struct list node;      /* in platform.aspaces, under its lock */
    struct mutex lock;     /* RANK_ASPACE */
    struct agent agent;    /* [l] */
};

/* guest_thread.state: who must hear of an interrupt. */
enum {
    THREAD_OUT,    /* not in the guest */
    THREAD_IN,     /* in the guest, or about to go there: an interrupt sends a signal */
    THREAD_KICKED, /* interrupted, and run() has not said so yet */
};

/* Where the FPU state of a thread is. What is not in the stub goes there before the next run. */
enum fpu_place { FPU_INITIAL, FPU_KEPT, FPU_IN_STUB };

struct guest_thread {
    struct platform *p;     /* [I] */
    _Atomic uint32_t state; /* [a] THREAD_* */
    _Atomic pid_t pid;      /* [a] its stub; 0 where there is none. Set by its own thread */
    unsigned quick_turns;   /* [t] in a row, up to now */
    bool held;              /* [t] the stub may run on one CPU only */
    uint64_t aspace_id;     /* [t] where the stub is */
    bool regs_known;        /* [t] */
    struct guest_regs regs; /* [t] what the stub's are, where known */
    enum fpu_place fpu_at;  /* [t] */
    void *fpu;              /* [t] an area, or NULL; holds the state where it is kept */
    struct corpse *corpse;  /* [t] what its stub becomes */
    struct list node;       /* in platform.threads, under its lock */
    struct mutex lock;      /* RANK_STUB: the two below, and changes of pid */
    nsec_t past_cpu;        /* [l] of the stubs before this one */
};

struct platform {
    struct cpus cpus;      /* [I] */
    pid_t sentry;          /* [I] */
    struct stub_cmd *cmds; /* [I] ASPACES_MAX command areas */
    void *scratch;         /* [I] the zygote's scratch page */
    int cmd_fd;            /* [I] memory file of those, and its number in the stubs */
    int sock;              /* [I] to the zygote: descriptors */
    int stub_sock;         /* [I] the zygote's number of its end */
    size_t fpu_size;       /* [I] bytes of an XSAVE area */
    bool has_xsave;        /* [I] else it is an FXSAVE area */
    void *fpu_initial;     /* [I] one in the initial configuration */
    uint32_t mxcsr_mask;   /* [I] bits that MXCSR may have */
    struct aspace *zygote; /* [I] its lock also guards the passing of files */

    /* [a] numbers in the stubs, or -1; changed under the zygote's lock */
    _Atomic int files[FILES_MAX];

    struct mutex lock;                         /* RANK_PLATFORM: all below */
    uint64_t next_id;                          /* [l] */
    struct list aspaces;                       /* [l] */
    struct list threads;                       /* [l] */
    struct list corpses;                       /* [l] */
    _Atomic unsigned corpse_count;             /* [l] to change */
    uint64_t slots[BITMAP_WORDS(ASPACES_MAX)]; /* [l] command areas in use */
};

/* The signal of interrupt(). Stubs ignore it where it comes late, as all that can be ignored. */
#define KICK_SIGNAL SIGURG

/* probe.c */
must_use int ptrace_probe(const char **why);

/* zygote.c */

/*
 * Makes the first stub: an empty address space, confined.
 *
 *   errors    those of its host calls; EPERM where the host does not let us trace it;
 *             EIO where a new process died
 */
must_use int zygote_create(struct platform *p, int ram_fd);

/* stub_filter.c */

/*
 * Makes the seccomp program of all stubs.
 *
 *   max       room for instructions; STUB_FILTER_MAX is enough
 *   returns   how many there are
 */
struct sock_filter;
#define STUB_FILTER_MAX 160
size_t stub_filter_make(const struct platform *p, struct sock_filter *out, size_t max);

/* aspace.c */

/*
 * An address space without an agent, on a free command area; `agent.pid` is to be set.
 *
 *   errors    ENOMEM; EAGAIN where there are too many
 */
must_use int aspace_alloc(struct platform *p, struct aspace **out);

/* Gives back what aspace_alloc() made, and what came of it. NULL is fine. */
void ptrace_aspace_destroy(struct aspace *as);

must_use int ptrace_aspace_create(struct platform *p, struct aspace **out);
must_use int ptrace_aspace_fork(struct aspace *parent, struct aspace **out);
must_use int ptrace_aspace_apply(struct aspace *as, const struct mem_op *ops, size_t n);
must_use int ptrace_aspace_barrier(struct aspace *as);

/* Clones a process for a new guest thread, not traced yet. Errors: EAGAIN, ENOMEM, EIO. */
must_use int aspace_spawn(struct aspace *as, pid_t *out);

/* files.c */
must_use int ptrace_file_add(struct platform *p, int fd, uint32_t *out);
void ptrace_file_del(struct platform *p, uint32_t file);

/* thread.c */
must_use int ptrace_thread_create(struct platform *p, struct guest_thread **out);
void ptrace_thread_destroy(struct guest_thread *t);
void ptrace_interrupt(struct guest_thread *t);
nsec_t ptrace_cpu_time(const struct guest_thread *t);

/*
 * Gives a thread a stub in `as`; that in another address space ends. FPU state moves along.
 *
 *   errors    EAGAIN, ENOMEM; EIO
 */
must_use int thread_enter(struct guest_thread *t, struct aspace *as);

/*
 * Waits for the next stop of a stub that we trace.
 *
 *   errors    EIO where it ended instead, and is reaped
 *   blocks    for the stub; no signal ends it
 */
must_use int stub_wait(pid_t pid, int *status);

/*
 * Begins to trace a new stub, and waits until it stands.
 *
 *   errors    EPERM; EIO where it was killed, and is reaped
 */
must_use int stub_seize(pid_t pid);

/* Forgets a stub that has died, and been waited for. */
void thread_lost(struct guest_thread *t);

/* run.c */
must_use int ptrace_run(struct guest_thread *t, struct aspace *as, struct guest_regs *regs,
                        struct guest_stop *stop);

/* fpu.c */

/* Sets what the platform knows of FPU state. Errors: ENOMEM. */
must_use int fpu_create(struct platform *p);

/* Takes the state out of a stub that will end. Errors: ENOMEM; EIO where it was killed. */
must_use int fpu_keep(struct guest_thread *t);

/* Puts it where it belongs, before a run. Errors: EIO where the stub was killed. */
must_use int fpu_restore(struct guest_thread *t);

must_use int ptrace_fpu_get(struct guest_thread *t, void *area, size_t size);
must_use int ptrace_fpu_set(struct guest_thread *t, const void *area, size_t size);
void ptrace_fpu_reset(struct guest_thread *t);

/* corpse.c */

/*
 * Kills a stub; it is waited for later.
 *
 *   c         taken
 *   slot      a command area that is free then, or -1
 */
void corpse_add(struct platform *p, struct corpse *c, pid_t pid, int slot);

/* Collects those that have ended. Costs nothing where there are none. */
void corpse_reap_some(struct platform *p);

/* Waits for all. Blocks for the host to end them. */
void corpse_reap_all(struct platform *p);

/* Sends SIGKILL to a stub. */
void stub_kill(pid_t pid);

/* Kills a stub and waits for its end. */
void stub_end(pid_t pid);
