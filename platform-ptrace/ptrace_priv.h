/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. Nothing outside includes it. */
#pragma once

#include "platform-stub/kick.h"
#include "platform-stub/stubs.h"

/* [I] never changes   [l] under lock   [a] atomic   [t] only its own thread */

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
    struct stubs stubs;  /* what it has in common with platform-systrap */
    struct mutex lock;   /* RANK_PLATFORM: the rest */
    struct list threads; /* [l] */
};

/* probe.c */
must_use int ptrace_probe(const char **why);

/* thread.c */
must_use int ptrace_thread_create(struct platform *p, struct guest_thread **out);
void ptrace_thread_destroy(struct guest_thread *t);
void ptrace_thread_leave(struct guest_thread *t);
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

/* Takes the state out of a stub that will end. Errors: ENOMEM; EIO where it was killed. */
must_use int fpu_keep(struct guest_thread *t);

/* Puts it where it belongs, before a run. Errors: EIO where the stub was killed. */
must_use int fpu_restore(struct guest_thread *t);

must_use int ptrace_fpu_get(struct guest_thread *t, void *area, size_t size);
must_use int ptrace_fpu_set(struct guest_thread *t, const void *area, size_t size);
void ptrace_fpu_reset(struct guest_thread *t);
