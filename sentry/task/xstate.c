/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor knows to save, and what of it a guest may have loaded. */
#include "sentry/task/xstate.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

static uint64_t enabled_features(void)
{
    uint32_t eax, ebx, ecx, edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return XSTATE_FP_SSE;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return (uint64_t)edx << 32 | eax;
}

uint64_t xstate_features(size_t size)
{
    uint64_t all = enabled_features(), fits = XSTATE_FP_SSE;
    uint32_t len, off, ecx, edx;

    if (size < ABI_XSTATE_MIN)
        return 0;
    for (unsigned i = 2; i < 63; i++) {
        if (!(all >> i & 1) || !__get_cpuid_count(0xd, i, &len, &off, &ecx, &edx))
            continue;
        if ((uint64_t)off + len <= size)
            fits |= UINT64_C(1) << i;
    }
    return fits & all;
}

size_t xstate_size(size_t size, uint64_t features)
{
    uint32_t len, off, ecx, edx;
    size_t end = ABI_XSTATE_MIN;

    if (size < end)
        return size;
    for (unsigned i = 2; i < 63; i++) {
        if (features >> i & 1 && __get_cpuid_count(0xd, i, &len, &off, &ecx, &edx))
            end = max(end, (size_t)off + len);
    }
    return min(end, size);
}

int xstate_check(void *area, size_t size, uint64_t known, uint64_t features)
{
    struct xstate_header h;

    if (size < ABI_XSTATE_MIN)
        return -EINVAL;
    memcpy(&h, (char *)area + XSTATE_HEADER_OFF, sizeof h);
    if (h.bv & ~known || h.comp_bv || h.reserved[0])
        return -EINVAL;
    h.bv &= features;
    memcpy((char *)area + XSTATE_HEADER_OFF, &h, sizeof h);
    return 0;
}
