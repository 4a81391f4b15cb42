/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a condition variable to its mutex without a stampede: FUTEX_WAIT_REQUEUE_PI
 * and FUTEX_CMP_REQUEUE_PI. They come in pairs: only the second ends the first.
 */
#include "base/host.h"
#include "sentry/task/futex_pi_priv.h"

int futex_wait_requeue_pi(struct task *t, const struct futex *from, uint32_t expected,
                          uint32_t bitset, const struct futex *to, const struct moment *until)
{
    struct futex_waiter w;

    if (from->at.va == to->at.va)
        return -EINVAL;
    int err = futex_waiter_init(&w, t, from, bitset);
    if (!err)
        err = futex_key(t, to, &w.pi_key);
    if (err)
        return err;
    if (word_key_equal(&w.key, &w.pi_key))
        return -EINVAL;
    w.to_pi = true;
    struct pi_shard *s = pi_shard_of(t, &w.pi_key);
    err = futex_enqueue(&w, from->at, expected);
    if (!err)
        err = futex_sleep(&w, until);
    if (err)
        return err;
    err = pi_sleep(&w, s, to->at, until);
    /* It cannot be made again: the first word has changed. Linux says so. */
    return err == -ERESTARTSYS ? -EAGAIN : err;
}

struct requeue_pi {
    struct pi_attempt attempt;
    struct word_key from;
    uptr_t at; /* the first word */
    uint32_t expected;
    int most; /* waiters to take */
};

/* Back where they came from, in their order. */
static void put_back(struct futex_bucket *b, struct list *taken)
{
    struct futex_waiter *w;

    mutex_lock(&b->lock);
    for (struct list *at = taken->prev; at != taken; at = taken->prev) {
        w = list_entry(at, struct futex_waiter, node);
        list_del(&w->node);
        list_push_front(&b->waiters, &w->node);
        atomic_fetch_add(&b->waiting, 1);
        atomic_store(&w->bucket, b);
    }
    mutex_unlock(&b->lock);
}

/* Takes the waiters off, if the word is as expected. Errors: EAGAIN, EINVAL, EFAULT. */
static int take(struct futex_bucket *b, const struct requeue_pi *r, struct list *taken)
{
    struct task *t = r->attempt.t;
    struct futex_waiter *w;
    struct list *tmp;
    bool unchanged;
    uint32_t seen;
    int n = 0, err = 0;

    do {
        uint32_t waits = atomic_load(&b->waits), wakes = atomic_fetch_add(&b->wakes, 1) + 1;
        err = word_load(t->mm, r->at, &seen);
        if (err || seen != r->expected)
            return err ? err : -EAGAIN;
        mutex_lock(&b->lock);
        unchanged = atomic_load(&b->wakes) == wakes && atomic_load(&b->waits) == waits;
        list_for_each_safe (w, tmp, &b->waiters, node) {
            if (!unchanged || err || n == r->most)
                break;
            if (!word_key_equal(&w->key, &r->from))
                continue;
            if (w->to_pi && word_key_equal(&w->pi_key, &r->attempt.key))
                futex_take_locked(b, w, taken), n++;
            else
                err = -EINVAL;
        }
        mutex_unlock(&b->lock);
    } while (!unchanged);
    return err;
}

/* A waiter that was taken off has the lock. */
static void grant_first(struct futex_waiter *w)
{
    scoped(task) struct task *t = task_get(w->task);

    list_del(&w->node);
    atomic_store(&w->pi_grant, PI_OWNS);
    atomic_store(&w->bucket, NULL);
    task_wake(t);
}

/* Gives the lock to the first, if it is free; lets all others wait for it. */
static int hand_over_locked(struct pi_shard *s, struct requeue_pi *r, struct list *taken)
    HOLDS(s->lock);
static int hand_over_locked(struct pi_shard *s, struct requeue_pi *r, struct list *taken)
{
    struct futex_waiter *w = list_first(taken, struct futex_waiter, node);
    struct pi_state *st = NULL;

    r->attempt.who = w->task;
    r->attempt.mark_waiters = list_len(taken) > 1;
    int got = pi_attempt_locked(s, &r->attempt, &st);
    if (got < 0)
        return got;
    if (got == 1 && r->attempt.mark_waiters) {
        st = pi_state_make_locked(s, w->task, &r->attempt.key);
        if (!st)
            return -ENOMEM; /* the word names an owner that does not know: it may unlock */
    }
    if (got == 1)
        grant_first(w);
    while ((w = list_pop_front(taken, struct futex_waiter, node))) {
        pi_queue_locked(st, w);
        atomic_store(&w->bucket, NULL);
    }
    return 0;
}

int futex_requeue_pi(struct task *t, const struct futex *from, const struct futex *to, int move,
                     uint32_t expected)
{
    struct requeue_pi r = {
        .attempt = {.t = t, .at = to->at},
          .at = from->at, .expected = expected
    };
    uint32_t ignored;
    int count = 0;

    if (move < 0 || from->at.va == to->at.va)
        return -EINVAL;
    r.most = move == INT32_MAX ? move : move + 1;
    int err = futex_key(t, from, &r.from);
    if (!err)
        err = futex_key(t, to, &r.attempt.key);
    if (!err)
        err = word_load(t->mm, to->at, &ignored);
    if (err)
        return err;
    if (word_key_equal(&r.from, &r.attempt.key))
        return -EINVAL;
    struct futex_bucket *b = futex_bucket_of(t, &r.from);
    struct pi_shard *s = pi_shard_of(t, &r.attempt.key);
    bool again = true;
    while (again) {
        struct list taken = LIST_INIT(taken);
        mutex_lock(&s->lock);
        err = take(b, &r, &taken);
        again = false;
        count = (int)list_len(&taken);
        if (!err && count) {
            err = hand_over_locked(s, &r, &taken);
            again = err == -EAGAIN || err == -EBUSY;
        }
        if (err)
            put_back(b, &taken);
        mutex_unlock(&s->lock);
        if (again && task_killed(t))
            return -ERESTARTSYS;
        if (again)
            host_sched_yield();
    }
    return err ? err : count;
}
