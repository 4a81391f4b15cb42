/* SPDX-License-Identifier: Apache-2.0 */
/* Chance for tests: also for guests, who have no library of ours. */
#pragma once

#include <stdint.h>

/* A fixed sequence for each seed: what fails once fails again. */
struct dice {
    uint64_t state;
};

static inline uint64_t roll(struct dice *d)
{
    d->state += 0x9e3779b97f4a7c15u;
    uint64_t z = d->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
