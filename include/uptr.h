/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in the guest. A struct, so that the compiler refuses to dereference
 * one, to mix it with a host pointer, or to pass it where a length belongs.
 */
#pragma once

#include <errno.h>
#include <sys/user.h>

#include "base/cc.h"

typedef struct {
    uint64_t va;
} uptr_t;

/* <sys/user.h> has words of its own for these; PAGE_MASK there is the complement of ours. */
#undef PAGE_SHIFT
#undef PAGE_SIZE
#undef PAGE_MASK
#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1) /* the offset within a page */

static inline uptr_t uptr(uint64_t va)
{
    return (uptr_t){ va };
}

static inline bool uptr_is_null(uptr_t p)
{
    return p.va == 0;
}

/* p + bytes where the caller knows that it fits; wraps otherwise, as hardware does. */
static inline uptr_t uptr_at(uptr_t p, uint64_t bytes)
{
    return (uptr_t){ p.va + bytes };
}

/* *out = p + bytes. Errors: EFAULT where the sum wraps. */
static inline must_use int uptr_add(uptr_t p, uint64_t bytes, uptr_t *out)
{
    uint64_t va;
    if (__builtin_add_overflow(p.va, bytes, &va))
        return -EFAULT;
    out->va = va;
    return 0;
}

static inline uint64_t page_down(uint64_t n)
{
    return n & ~PAGE_MASK;
}

/* Wraps to 0 for the last page of the number space: check for that where it comes from outside. */
static inline uint64_t page_up(uint64_t n)
{
    return (n + PAGE_MASK) & ~PAGE_MASK;
}
