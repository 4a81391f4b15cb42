/* SPDX-License-Identifier: Apache-2.0 */
/* A thousand steps of arithmetic: no call, no memory. */
#include "bench/rows/row.h"

enum { STEPS = 1000 };

static volatile uint64_t sink;

static void steps(uint64_t times)
{
    uint64_t x = 88172645463325252u;

    for (uint64_t i = 0; i < times * STEPS; i++) { /* xorshift64, George Marsaglia 2003 */
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    sink = x;
}

int main(void)
{
    row(steps);
    return 0;
}
