/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO: our own small library in each guest, which tells the time without a
 * call, and the page of numbers that it reckons from.
 *
 * The numbers are renewed when somebody asks us for the time and they are old,
 * never by the clock: an idle sandbox stays idle.
 *
 *   source    vdso(7)
 */
#pragma once

#include "base/clock.h"
#include "sentry/mm/mm.h"

struct vdso_options {
    bool tsc;      /* the host reckons its time from RDTSC, and guests see the same counter */
    uint32_t cpus; /* processors of the guest that have the host's numbers, for getcpu; 0: ask */
};

/*
 * Makes both pages and puts what is known of them at ROOT_VDSO. Once, after RAM.
 *
 *   errors    ENOMEM
 */
must_use int vdso_create(struct arena *a, const struct vdso_options *opts);

/* Forgets what was measured: the kernel now runs on another host, or at another time. */
void vdso_reset(struct arena *a);

/* Whether the host's clock is RDTSC. Before the jail: it reads a file in /sys. */
bool vdso_host_has_tsc(void);

/* Bytes of address space that it takes with its data page; whole pages. */
uint64_t vdso_size(void);

/*
 * Maps data page and image.
 *
 *   at        where it should go; elsewhere where that is taken
 *   out       AT_SYSINFO_EHDR; 0 where there is no vDSO
 *   errors    ENOMEM
 */
must_use int vdso_map(struct arena *a, struct mm *mm, uint64_t at, uint64_t *out);

/*
 * What time it is, as the vDSO says it: what a call answers and what the vDSO
 * answers never go backwards against each other.
 *
 *   locks     takes RANK_VDSO
 */
nsec_t vdso_now(struct arena *a, enum clock_id id);
