/* SPDX-License-Identifier: Apache-2.0 */
/* Timeouts of the calls that wait for files: a span that the guest gave, until when it lasts. */
#pragma once

#include "base/time.h"
#include "include/uptr.h"

struct task;

struct deadline {
    nsec_t at;    /* CLOCK_MONOTONIC; NSEC_NEVER where there is none */
    bool at_once; /* the span is zero: look, do not wait */
};

struct deadline deadline_none(void);
/* A span from now. */
struct deadline deadline_after(const struct task *t, nsec_t span);
/* Milliseconds; negative for none. */
struct deadline deadline_ms(const struct task *t, int ms);
/* A struct timespec or timeval at `from`; null for none. Errors: EFAULT, EINVAL. */
must_use int deadline_timespec(struct task *t, uptr_t from, struct deadline *out);
must_use int deadline_timeval(struct task *t, uptr_t from, struct deadline *out);

/*
 * What is left of it goes back to where it came from, as ppoll(2), select(2) and
 * pselect(2) do on Linux. A failure to write is no failure of the call.
 */
void deadline_left_timespec(struct task *t, const struct deadline *d, uptr_t to);
void deadline_left_timeval(struct task *t, const struct deadline *d, uptr_t to);
