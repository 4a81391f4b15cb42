/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for several futexes at once: futex_waitv(2). */
#include <linux/futex.h>

#include "sentry/task/futex_priv.h"

/* The first that was woken, or -1. All are off their buckets afterwards. */
static int dequeue_all(struct futex_waiter *w, uint32_t count)
{
    int first = -1;

    for (uint32_t i = 0; i < count; i++)
        if (!futex_dequeue(&w[i]) && first < 0)
            first = (int)i;
    return first;
}

static bool any_woken(struct futex_waiter *w, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!atomic_load(&w[i].bucket))
            return true;
    return false;
}

/* Queues them in order; where one cannot be, a wake that came to one before still counts. */
static int enqueue_all(struct futex_waiter *w, const struct futex_wanted *wanted, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int err = futex_enqueue(&w[i], wanted[i].futex.at, wanted[i].expected);
        if (err) {
            int woken = dequeue_all(w, i);
            return woken >= 0 ? woken : err;
        }
    }
    return -EINPROGRESS;
}

static int sleep_for_any(struct task *t, struct futex_waiter *w, uint32_t count,
                         const struct moment *until)
{
    int err = 0;

    while (!err) {
        park_prepare(&t->park);
        if (any_woken(w, count))
            break;
        err = clock_sleep(t, until);
    }
    int woken = dequeue_all(w, count);
    return woken >= 0 ? woken : err;
}

int futex_wait_many(struct task *t, const struct futex_wanted *wanted, uint32_t count,
                    const struct moment *until)
{
    struct futex_waiter *w = arena_alloc(t->arena, count * sizeof *w);
    int err = w ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < count && !err; i++)
        err = futex_waiter_init(&w[i], t, &wanted[i].futex, FUTEX_BITSET_MATCH_ANY);
    if (!err)
        err = enqueue_all(w, wanted, count);
    if (err == -EINPROGRESS)
        err = sleep_for_any(t, w, count, until);
    arena_free(w);
    return err;
}
