/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel of one sandbox: the object that owns all others, and the order in which
 * they are born.
 */
#pragma once

#include "include/platform.h"
#include "sentry/core/arena.h"
#include "sentry/options.h"

struct kernel;
struct guest_process;

/* Words for a person, where a step of the start fails. */
struct boot_error {
    int err;         /* -errno */
    unsigned status; /* what runsc exits with: 126, 127, or 0 for its usual */
    char text[240];
};

/* Fills `e` and returns its errno. */
int boot_fail(struct boot_error *e, int err, const char *format, ...) printf_like(3, 4);

/*
 * Makes the kernel in its arena: memory, tasks, the tree of mounts. Nothing runs yet.
 *
 *   a         has its host side: clock, randomness, descriptors, RAM, platform, gofer
 *   o         borrowed until kernel_prepare() has returned
 *   errors    with words
 */
must_use int kernel_create(struct arena *a, const struct sandbox_options *o, struct kernel **out,
                           struct boot_error *e);

/*
 * Loads the program of the first process, and starts the kernel's own threads. Nothing of
 * the guest runs yet.
 *
 *   o         as for process_create()
 *   errors    with words; ENOENT and EACCES of the program itself set `status` to 127 and 126
 */
must_use int kernel_prepare(struct kernel *k, struct sandbox_options *o, struct boot_error *e);

/* Lets the first process go. Errors: with words. */
must_use int kernel_start(struct kernel *k, struct boot_error *e);

/* The first process: borrowed. */
struct guest_process *kernel_init(struct kernel *k);

/*
 * Puts another process into the sandbox, and lets it go. On any thread.
 *
 *   out       given: process_destroy(); nothing after a failure
 */
must_use int kernel_exec(struct kernel *k, struct sandbox_options *o, struct guest_process *out,
                         struct boot_error *e);

/* Every process of the sandbox gets a signal, as from outside. */
void kernel_signal_all(struct kernel *k, int sig);
