/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel of one sandbox: the object that owns all others, and the order in which
 * they are born.
 */
#pragma once

#include "include/platform.h"
#include "sentry/core/arena.h"
#include "sentry/options.h"

struct gofer_client;
struct guest_container;
struct guest_process;
struct kernel;

/* Words for a person, where a step of the start fails. */
struct boot_error {
    int err;         /* -errno */
    unsigned status; /* what runsc exits with: 126, 127, or 0 for its usual */
    char text[240];
};

/* Fills `e` and returns its errno. */
int boot_fail(struct boot_error *e, int err, const char *format, ...) printf_like(3, 4);

/*
 * Makes the kernel in its arena: memory, tasks, the first container. Nothing runs yet.
 *
 *   a         has its host side: clock, randomness, descriptors, RAM, platform, gofer
 *   o         borrowed until kernel_prepare() has returned
 *   errors    with words
 */
must_use int kernel_create(struct arena *a, const struct sandbox_options *o, struct kernel **out,
                           struct boot_error *e);

/*
 * Starts the kernel's own threads, and loads the program of the first process. Nothing of
 * the guest runs yet. Errors: as guest_container_prepare().
 */
must_use int kernel_prepare(struct kernel *k, struct sandbox_options *o, struct boot_error *e);

/* The container that the sandbox was made for: borrowed. */
struct guest_container *kernel_first(struct kernel *k);

/* ---- containers: on any thread ---- */

/*
 * Makes another container of a pod: its namespaces, as far as it shares none with those that
 * are there, and its tree.
 *
 *   o         borrowed until guest_container_prepare() has returned
 *   gofer     of its files: referenced by each tree of it
 *   out       given: guest_container_end(), then guest_container_put()
 *   errors    with words
 *   blocks    for the gofer
 */
must_use int kernel_admit(struct kernel *k, const struct sandbox_options *o,
                          struct gofer_client *gofer, struct guest_container **out,
                          struct boot_error *e);

/*
 * Loads the program of its first process.
 *
 *   o         as for process_create()
 *   errors    with words; ENOENT and EACCES of the program itself set `status` to 127 and 126
 */
must_use int guest_container_prepare(struct guest_container *c, struct sandbox_options *o,
                                     struct boot_error *e);

/* Lets the first process go. Errors: with words. */
must_use int guest_container_start(struct guest_container *c, struct boot_error *e);

/* The first process: borrowed. */
struct guest_process *guest_container_init(struct guest_container *c);

/*
 * Puts another process into it, and lets that go.
 *
 *   out       given: process_destroy(); nothing after a failure
 */
must_use int guest_container_exec(struct guest_container *c, struct sandbox_options *o,
                                  struct guest_process *out, struct boot_error *e);

/*
 * Changes one of its limits. Processes are kept by us, and memory where it has the sandbox to
 * itself; all are shown.
 *
 *   value     as in the options; 0: none
 */
void guest_container_limit(struct guest_container *c, enum option_limit which, uint64_t value);

/* Every process of it gets a signal, as from outside. */
void guest_container_signal_all(struct guest_container *c, int sig);
/* None of it runs, or it goes on. */
void guest_container_freeze(struct guest_container *c, bool freeze);

/* Not the first: whatever runs of it is killed, and its tree given back. Blocks for that. */
void guest_container_end(struct guest_container *c);
struct guest_container *guest_container_get(struct guest_container *c);
/* It has ended, or is the first. NULL is fine. */
void guest_container_put(struct guest_container *c);
