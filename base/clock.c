/* SPDX-License-Identifier: Apache-2.0 */
/* The host's clock, through the vDSO, and one for tests. */
#include "base/clock.h"

#include "base/host.h"

#define YEAR_2020 (INT64_C(1577836800) * NSEC_PER_SEC)

static nsec_t real_now(const struct clock *c, enum clock_id id)
{
    static const clockid_t host_ids[CLOCK_ID_COUNT] = {
        [CLOCK_ID_MONOTONIC] = CLOCK_MONOTONIC,
        [CLOCK_ID_REALTIME] = CLOCK_REALTIME,
        [CLOCK_ID_BOOTTIME] = CLOCK_BOOTTIME,
        [CLOCK_ID_COARSE] = CLOCK_REALTIME_COARSE,
    };

    (void)c;
    return host_clock_gettime(host_ids[id]);
}

static const struct clock_ops real_ops = { .now = real_now };
const struct clock clock_real = { .ops = &real_ops };

static nsec_t virtual_now(const struct clock *c, enum clock_id id)
{
    const struct virtual_clock *v = container_of(c, const struct virtual_clock, clock);

    return atomic_load(&v->now[id == CLOCK_ID_COARSE ? CLOCK_ID_REALTIME : id]);
}

static const struct clock_ops virtual_ops = { .now = virtual_now };

void virtual_clock_init(struct virtual_clock *v)
{
    v->clock.ops = &virtual_ops;
    atomic_init(&v->now[CLOCK_ID_MONOTONIC], NSEC_PER_SEC);
    atomic_init(&v->now[CLOCK_ID_BOOTTIME], NSEC_PER_SEC);
    atomic_init(&v->now[CLOCK_ID_REALTIME], YEAR_2020);
}

void virtual_clock_advance(struct virtual_clock *v, nsec_t span)
{
    assert(span >= 0);
    for (int i = 0; i < CLOCK_ID_COUNT; i++)
        atomic_fetch_add(&v->now[i], span);
}

void virtual_clock_set_realtime(struct virtual_clock *v, nsec_t now)
{
    atomic_store(&v->now[CLOCK_ID_REALTIME], now);
}
