/* SPDX-License-Identifier: Apache-2.0 */
#include "sentry/syscall/deadline.h"

#include "sentry/task/task.h"

struct deadline deadline_none(void)
{
    return (struct deadline){ .at = NSEC_NEVER };
}

struct deadline deadline_after(const struct task *t, nsec_t span)
{
    return (struct deadline){ .at = nsec_add(task_now(t, CLOCK_ID_MONOTONIC), span),
                              .at_once = span == 0 };
}

struct deadline deadline_ms(const struct task *t, int ms)
{
    return ms < 0 ? deadline_none() : deadline_after(t, ms * NSEC_PER_MSEC);
}

int deadline_timespec(struct task *t, uptr_t from, struct deadline *out)
{
    struct timespec ts;
    nsec_t span;

    if (uptr_is_null(from)) {
        *out = deadline_none();
        return 0;
    }
    int err = copy_in_struct(t->mm, &ts, from);
    if (!err)
        err = nsec_from_timespec(&ts, &span);
    if (!err)
        *out = deadline_after(t, span);
    return err;
}

int deadline_timeval(struct task *t, uptr_t from, struct deadline *out)
{
    struct timeval tv;

    if (uptr_is_null(from)) {
        *out = deadline_none();
        return 0;
    }
    int err = copy_in_struct(t->mm, &tv, from);
    if (err)
        return err;
    if (tv.tv_sec < 0 || tv.tv_usec < 0)
        return -EINVAL;
    /* select(2) takes more than a second of microseconds, unlike the other calls. */
    nsec_t span = nsec_add(nsec_make(tv.tv_sec, 0), nsec_make(tv.tv_usec / 1000000, 0));
    span = nsec_add(span, tv.tv_usec % 1000000 * NSEC_PER_USEC);
    *out = deadline_after(t, span);
    return 0;
}

static nsec_t left(struct task *t, const struct deadline *d)
{
    nsec_t now = task_now(t, CLOCK_ID_MONOTONIC);

    return d->at > now ? d->at - now : 0;
}

/* A span of zero stays as it is: a guest may keep it in memory that cannot be written. */
static bool has_left(const struct deadline *d, uptr_t to)
{
    return !uptr_is_null(to) && d->at != NSEC_NEVER && !d->at_once;
}

void deadline_left_timespec(struct task *t, const struct deadline *d, uptr_t to)
{
    if (!has_left(d, to))
        return;
    struct timespec ts = nsec_to_timespec(left(t, d));
    int ignored = copy_out_struct(t->mm, to, &ts);
    (void)ignored;
}

void deadline_left_timeval(struct task *t, const struct deadline *d, uptr_t to)
{
    if (!has_left(d, to))
        return;
    struct timeval tv = nsec_to_timeval(left(t, d));
    int ignored = copy_out_struct(t->mm, to, &tv);
    (void)ignored;
}
