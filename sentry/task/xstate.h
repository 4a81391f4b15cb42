/* SPDX-License-Identifier: Apache-2.0 */
/* The XSAVE area of a guest, as signal frames and ptrace show it: SDM vol. 1, 13.4. */
#pragma once

#include <string.h>

#include "include/abi/signal.h"

struct xstate_header {
    uint64_t bv, comp_bv, reserved[6];
};
static_assert(sizeof(struct xstate_header) == 64, "SDM vol. 1, 13.4.2");

#define XSTATE_HEADER_OFF 512
#define XSTATE_FP_SSE     3u                  /* components that the FXSAVE area holds */
#define XSTATE_TILES      (UINT64_C(3) << 17) /* those of AMX: most of an area, and in few */

/* The components of the processor that lie in the first `size` bytes of the standard format. Slow
 * in a virtual machine, which the host is asked for each of them. */
uint64_t xstate_features(size_t size);

/* How much of an area of so many bytes holds all `features` of it. As slow. */
size_t xstate_size(size_t size, uint64_t features);

/* The components that an area has in another than their initial state. */
static inline uint64_t xstate_present(const char *area)
{
    struct xstate_header h;

    memcpy(&h, area + XSTATE_HEADER_OFF, sizeof h);
    return h.bv;
}

/*
 * Makes an area that came from a guest safe to load.
 *
 *   area, size   as fpu_set() of the platform takes it
 *   known        xstate_features(size)
 *   features     components that are to be loaded; the others get their initial state
 *   errors       EINVAL where a processor would refuse it
 */
must_use int xstate_check(void *area, size_t size, uint64_t known, uint64_t features);
