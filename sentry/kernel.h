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
 *   o         borrowed until kernel_start() has returned
 *   errors    with words
 */
must_use int kernel_create(struct arena *a, const struct sandbox_options *o, struct kernel **out,
                           struct boot_error *e);

/*
 * Loads the program and starts the first process and the kernel's own threads.
 *
 *   errors    with words; ENOENT and EACCES of the program itself set `status` to 127 and 126
 */
must_use int kernel_start(struct kernel *k, const struct sandbox_options *o, struct boot_error *e);

/* Waits for the end of the first process. Returns its status as wait4(2) encodes it. */
int kernel_wait(struct kernel *k);

/* The first process gets a signal, as from outside: also where it is an init. */
void kernel_signal(struct kernel *k, int sig);
/* The console has another size. */
void kernel_resize(struct kernel *k, unsigned rows, unsigned cols);
