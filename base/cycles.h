/* SPDX-License-Identifier: Apache-2.0 */
/* Time in cycles of the time stamp counter: what it costs to look is next to nothing. */
#pragma once

#include <stdint.h>

/* Counts on while a processor sleeps; on all processors alike, on any that is in use today. */
static inline uint64_t cycles(void)
{
    return __builtin_ia32_rdtsc();
}
