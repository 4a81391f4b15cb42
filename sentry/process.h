/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that comes from outside: the sandbox's first, and each that `runsc exec`
 * puts into it. What it is to be stands in struct sandbox_options.
 *
 * It is made in two steps, so that all that can fail has failed before it runs:
 * process_create() finds and loads the program, process_start() lets it go.
 */
#pragma once

#include "sentry/kernel.h"

struct console;
struct container;
struct mnt_ns;
struct task;
struct thread_group;
struct user_ns;

/* Where it is put: borrowed from the kernel. */
struct process_place {
    struct arena *arena;
    struct user_ns *user_ns;
    struct mnt_ns *mounts;
    struct container *container;
};

struct guest_process {
    struct thread_group *group; /* a reference: NULL before process_create() */
    struct task *task;          /* a reference, until it is started or given up */
    struct console *console;    /* NULL: none */
};

/*
 * Makes it, and finds its program.
 *
 *   o         borrowed for the call; its descriptors are taken: those for stdio and the console
 *   out       process_destroy(), also after a failure
 *   errors    with words; ENOENT and EACCES of the program itself set `status` to 127 and 126
 *   blocks    for the gofer
 */
must_use int process_create(const struct process_place *at, struct sandbox_options *o,
                            struct guest_process *out, struct boot_error *e);

/* Lets it go. Errors: with words. */
must_use int process_start(struct guest_process *p, struct boot_error *e);

/* Waits until it ends or stops. Returns its status as wait4(2) encodes it, with WUNTRACED. */
int process_wait(struct guest_process *p);

/* Would a signal be lost now, though the program may be about to want it? signal_is_too_early(). */
bool process_is_too_early(struct guest_process *p, int sig);
/* A signal, as from outside: also where it is an init. */
void process_signal(struct guest_process *p, int sig);
/* The same, as from a shell or a terminal: to its whole process group. */
void process_signal_job(struct guest_process *p, int sig);

/*
 * The host's terminal belongs to others: not a byte of it is read from now on. For what reads
 * at this moment, it waits a second at most.
 */
void process_suspend(struct guest_process *p);
/* It is ours again. */
void process_resume(struct guest_process *p);
/* Its console has another size. */
void process_resize(struct guest_process *p, uint16_t rows, uint16_t cols);

/* Lets go of it. One that was never started is gone; one that runs goes on. */
void process_destroy(struct guest_process *p);
