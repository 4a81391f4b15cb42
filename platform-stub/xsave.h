/* SPDX-License-Identifier: Apache-2.0 */
/* XSAVE areas in standard format: SDM vol. 1, 13.4. */
#pragma once

#include "base/cc.h"

#define XSAVE_ALIGN ((size_t)64)

#define XSAVE_PARTS 63

/* What this processor has. Asked of it once: in a virtual machine CPUID costs as much as ten calls.
 */
struct xsave {
    size_t size;         /* bytes of an area */
    bool has_xsave;      /* else it is an FXSAVE area */
    bool has_compact;    /* XRSTOR takes areas in compact format, too */
    void *initial;       /* one in the initial configuration */
    uint32_t mxcsr_mask; /* bits that MXCSR may have */
    struct xsave_part {
        uint32_t off, size; /* bytes; all 0 where there is none */
    } parts[XSAVE_PARTS];   /* by component; those of the fixed part are left out */
};

/* Errors: ENOMEM. */
must_use int xsave_create(struct xsave *x);
void xsave_destroy(struct xsave *x);

/* Whether the processor would take an area of somebody else's. */
bool xsave_is_valid(const struct xsave *x, const void *area);

/*
 * Copies what is not in its initial configuration; most of an area is.
 *
 *   ours      `to` or `from`, whichever the guest cannot change: what there is, is read there
 */
void xsave_copy(const struct xsave *x, void *to, const void *from, const void *ours);

/* Whether an area has tile data of AMX in it. */
bool xsave_has_tiles(const struct xsave *x, const void *area);

/*
 * The rights that protection keys give, of an area that has its header; 0, all, where the
 * processor has none. They are at xsave_pkru_off() bytes, or nowhere, which is 0.
 */
uint32_t xsave_pkru_off(const struct xsave *x);
uint32_t xsave_pkru(const struct xsave *x, const void *area);
void xsave_set_pkru(const struct xsave *x, void *area, uint32_t pkru);

/*
 * Makes a whole area of what XSAVE has left: components in their initial
 * configuration have anything in their place, and so has what software may use. Whatever
 * it was before, the processor takes it then: xsave_is_valid().
 */
void xsave_normalize(const struct xsave *x, void *area);
