/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A platform without a guest: run() gives what the test has written down, and
 * memory is a list of what was mapped. It keeps the contract of include/platform.h
 * strictly: what breaks it stops the test.
 *
 *     fake_platform.create(&opts, &p);
 *     fake_push_call(p, SYS_getpid, 0, 0, 0, 0, 0, 0);   // the next run() stops in getpid
 *     …                                                  // the sentry runs its task
 *     fake_run_regs(p, 1)->rax                           // what the second run() was given
 *
 * Where nothing is written down any more, run() blocks, as for a guest that
 * computes, until a step is pushed or the thread is interrupted.
 */
#pragma once

#include "include/platform.h"

extern const struct platform_ops fake_platform;

/* Which registers a step changes. */
enum fake_regs {
    FAKE_KEEP, /* none, but that orig_rax is -1 */
    FAKE_CALL, /* those of a `syscall`: number and arguments are in fake_step.regs */
    FAKE_ALL,  /* all, to fake_step.regs */
};

/* What one run() does. */
struct fake_step {
    struct guest_thread *thread; /* for this one alone, or NULL: for whichever comes first */
    int err;                     /* given instead of a stop, where not 0 */
    struct guest_stop stop;
    enum fake_regs which;
    struct guest_regs regs;
};

/* Steps are done in the order in which they were pushed. Any thread. */
void fake_push(struct platform *p, const struct fake_step *step);

/* A `syscall` instruction: rip goes on by its 2 bytes, all but rcx, r11 and the call's own stays.
 */
void fake_push_call(struct platform *p, long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                    uint64_t a4, uint64_t a5);

/* A page fault. The registers stay. */
void fake_push_fault(struct platform *p, uint64_t addr, unsigned access);

/* Some other signal of the processor. The registers stay. */
void fake_push_exception(struct platform *p, int signo, int code);

/*
 * A guest in C: called for each run() that finds no step. It may change registers, use
 * fake_read() and fake_write(), and push steps.
 *
 *   returns   what run() gives; `stop` is set where that is 0
 */
typedef int (*fake_guest_fn)(void *arg, struct guest_thread *t, struct aspace *as,
                             struct guest_regs *regs, struct guest_stop *stop);
void fake_on_run(struct platform *p, fake_guest_fn guest, void *arg);

/* How many run() there were, those that still block included, and what one was given. */
size_t fake_run_count(struct platform *p);
const struct guest_regs *fake_run_regs(struct platform *p, size_t i);
struct aspace *fake_run_aspace(struct platform *p, size_t i);

/* Waits until there were `count` run(). */
void fake_await_runs(struct platform *p, size_t count);

/* The mapping of one page. */
struct fake_page {
    int prot;
    uint32_t file;
    uint64_t off; /* of this page */
};

/* False where nothing is mapped at `va`. */
bool fake_lookup(struct aspace *as, uint64_t va, struct fake_page *out);

/* How many mappings a host would have: neighbours that continue each other are one. */
size_t fake_mapping_count(struct aspace *as);

/*
 * What a guest instruction would do, page by page. False at the first page without
 * the right; then *fault, if not NULL, is its address.
 */
bool fake_read(struct aspace *as, uint64_t va, void *buf, size_t size, uint64_t *fault);
bool fake_write(struct aspace *as, uint64_t va, const void *buf, size_t size, uint64_t *fault);

/* What was asked of it so far. */
struct fake_counts {
    size_t applies, maps, unmaps, protects; /* batches; operations in them, by kind */
    size_t forks, barriers, interrupts;
    size_t aspaces, threads, files; /* alive now; the RAM file is not counted */
};
struct fake_counts fake_counts(struct platform *p);

/* From the `after`-th operation of memory on, counted from now, one fails with ENOMEM. */
void fake_fail_memory(struct platform *p, size_t after);

/* The next `count` of aspace_create(), aspace_fork() and thread_create() fail with EAGAIN. */
void fake_fail_create(struct platform *p, size_t count);

/* What cpu_time() says. */
void fake_set_cpu_time(struct guest_thread *t, nsec_t time);
