/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO: our own small library in each guest, which tells the time without a
 * call.
 *
 *   source    vdso(7)
 */
#pragma once

#include "sentry/mm/mm.h"

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
