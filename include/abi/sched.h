/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling attributes: sched_setattr(2). (linux/sched/types.h does not go with sched.h.) */
#pragma once

#include <stdint.h>

#include "base/cc.h"

struct abi_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};
static_assert(sizeof(struct abi_sched_attr) == 56, "struct sched_attr, SCHED_ATTR_SIZE_VER1");

#define ABI_SCHED_ATTR_SIZE_0   48u
#define ABI_SCHED_RESET_ON_FORK 1u
#define ABI_SCHED_KEEP_POLICY   8u
#define ABI_SCHED_KEEP_PARAMS   16u
