/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/cc.h"

/*
 * The weight that cgroups of version 2 have for the shares of version 1: from 2 … 262144 to
 * 1 … 10000, as runc and crun do it.
 *
 *   shares    taken as the nearest that there is
 */
static inline uint64_t cpu_weight(uint64_t shares)
{
    return 1 + (min(max(shares, (uint64_t)2), (uint64_t)262144) - 2) * 9999 / 262142;
}
