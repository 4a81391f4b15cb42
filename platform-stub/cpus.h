/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-over on one CPU. */
#pragma once

#include <sched.h>
#include <sys/types.h>

#include "base/cc.h"

/* The processors that we may use, as they were when the platform was made. */
struct cpus {
    cpu_set_t all;
    bool many; /* else nothing here does anything */
};

void cpus_init(struct cpus *c);

/*
 * Keeps the calling thread on the CPU where it is, until cpus_roam().
 *
 *   returns   that CPU, or -1 where there is only one
 */
int cpus_stay(const struct cpus *c);
void cpus_roam(const struct cpus *c);

/* The one of this number among them, counted round and round. */
int cpus_nth(const struct cpus *c, unsigned n);

/* Where the calling thread is now, or -1 where there is only one. */
int cpus_here(const struct cpus *c);

/* Lets a stub be woken on one CPU only, or on any. It need not live any more. */
void cpus_bring(const struct cpus *c, pid_t stub, int cpu);
void cpus_free(const struct cpus *c, pid_t stub);
