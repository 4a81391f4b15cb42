/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks as objects, so that a test can own time. */
#pragma once

#include "base/time.h"

enum clock_id {
    CLOCK_ID_MONOTONIC, /* since some start; stands still in suspend */
    CLOCK_ID_REALTIME,  /* since 1970-01-01 00:00 UTC */
    CLOCK_ID_BOOTTIME,  /* as monotonic, and runs in suspend */
    CLOCK_ID_COARSE,    /* realtime as it was at the host's last tick: cheaper to ask for */
    CLOCK_ID_COUNT,
};

struct clock;

struct clock_ops {
    /* What time it is. Never fails; monotonic never goes back. Any thread. */
    nsec_t (*now)(const struct clock *c, enum clock_id id);
};

struct clock {
    const struct clock_ops *ops;
};

static inline nsec_t clock_now(const struct clock *c, enum clock_id id)
{
    return c->ops->now(c, id);
}

/* The host's clock. It has no state: there is one, and it is constant. */
extern const struct clock clock_real;

/* A clock that moves when it is told to. */
struct virtual_clock {
    struct clock clock;
    _Atomic nsec_t now[CLOCK_ID_COUNT];
};

/* Starts with monotonic and boottime at one second, and realtime in 2020. */
void virtual_clock_init(struct virtual_clock *v);

/* Lets `span`, not negative, go by on all three. */
void virtual_clock_advance(struct virtual_clock *v, nsec_t span);

/* Sets realtime alone, as settimeofday() would. */
void virtual_clock_set_realtime(struct virtual_clock *v, nsec_t now);
