/* SPDX-License-Identifier: Apache-2.0 */
/* Times and spans: one signed count of nanoseconds, good for 292 years. */
#pragma once

#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "base/cc.h"

typedef int64_t nsec_t;

#define NSEC_PER_USEC INT64_C(1000)
#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC  INT64_C(1000000000)
#define NSEC_NEVER    INT64_MAX /* a deadline that does not come */

/* The sum; NSEC_NEVER where it is too large, and the least there is where too small. */
static inline nsec_t nsec_add(nsec_t a, nsec_t b)
{
    nsec_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? NSEC_NEVER : INT64_MIN;
    return sum;
}

/* Seconds and a part of one in nanoseconds, saturated. */
static inline nsec_t nsec_make(int64_t sec, int64_t nsec)
{
    nsec_t t;

    if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &t))
        return sec > 0 ? NSEC_NEVER : INT64_MIN;
    return nsec_add(t, nsec);
}

/*
 * A span or time that a guest gave, checked as Linux does (timespec64_valid).
 *
 *   errors    EINVAL for negative seconds, or a part that is not below one second
 */
static inline must_use int nsec_from_timespec(const struct timespec *ts, nsec_t *out)
{
    if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= NSEC_PER_SEC)
        return -EINVAL;
    *out = nsec_make(ts->tv_sec, ts->tv_nsec);
    return 0;
}

static inline must_use int nsec_from_timeval(const struct timeval *tv, nsec_t *out)
{
    if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= NSEC_PER_SEC / NSEC_PER_USEC)
        return -EINVAL;
    *out = nsec_make(tv->tv_sec, tv->tv_usec * NSEC_PER_USEC);
    return 0;
}

/* Whole seconds, rounded down, and the rest. Also right for negative times. */
static inline struct timespec nsec_to_timespec(nsec_t t)
{
    nsec_t sec = t / NSEC_PER_SEC, rest = t % NSEC_PER_SEC;

    if (rest < 0) {
        sec--;
        rest += NSEC_PER_SEC;
    }
    return (struct timespec){ .tv_sec = sec, .tv_nsec = rest };
}

static inline struct timeval nsec_to_timeval(nsec_t t)
{
    struct timespec ts = nsec_to_timespec(t);

    return (struct timeval){ .tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / NSEC_PER_USEC };
}
