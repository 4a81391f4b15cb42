/* SPDX-License-Identifier: Apache-2.0 */
/* Futex operations on two words: requeue, and wake with an operation. */
#include <linux/futex.h>

#include "sentry/task/futex_priv.h"

/* Lets a queued waiter wait for another word. Both buckets are locked. */
static void move_locked(struct futex_waiter *w, struct futex_bucket *from, struct futex_bucket *to,
                        const struct word_key *key)
{
    w->key = *key;
    if (from == to)
        return;
    list_del(&w->node);
    list_push_back(&to->waiters, &w->node);
    atomic_fetch_sub(&from->waiting, 1);
    atomic_fetch_add(&to->waiting, 1);
    atomic_store(&w->bucket, to);
}

struct requeue {
    struct word_key from, to;
    int wake, move;
};

static int requeue_locked(const struct requeue *r, struct futex_bucket *from,
                          struct futex_bucket *to, struct list *taken)
{
    struct futex_waiter *w;
    struct list *tmp;
    int done = 0;

    list_for_each_safe (w, tmp, &from->waiters, node) {
        if (done - r->wake >= r->move)
            break;
        if (!word_key_equal(&w->key, &r->from))
            continue;
        if (w->to_pi)
            return -EINVAL;
        if (++done <= r->wake)
            futex_take_locked(from, w, taken);
        else
            move_locked(w, from, to, &r->to);
    }
    return done;
}

/* Whether nobody came to the bucket since the counts were taken. */
static bool is_as_it_was(struct futex_bucket *b, uint32_t wakes, uint32_t waits)
{
    return atomic_load(&b->wakes) == wakes && atomic_load(&b->waits) == waits;
}

int futex_requeue(struct task *t, const struct futex *from, const struct futex *to, int wake,
                  int move, const uint32_t *expected)
{
    struct requeue r = { .wake = wake, .move = move };
    int done = -EAGAIN;

    if (wake < 0 || move < 0)
        return -EINVAL;
    int err = futex_key(t, from, &r.from);
    if (!err)
        err = futex_key(t, to, &r.to);
    if (err)
        return err;
    if (futex_has_pi(t, &r.from))
        return -EINVAL;
    struct futex_bucket *b = futex_bucket_of(t, &r.from), *b2 = futex_bucket_of(t, &r.to);
    for (bool again = true; again;) {
        struct list taken = LIST_INIT(taken);
        uint32_t waits = atomic_load(&b->waits), wakes = atomic_fetch_add(&b->wakes, 1) + 1, seen;
        err = expected ? word_load(t->mm, from->at, &seen) : 0;
        if (err)
            return err;
        if (expected && seen != *expected)
            return -EAGAIN;
        mutex_lock_two(&b->lock, &b2->lock);
        again = expected && !is_as_it_was(b, wakes, waits);
        if (!again)
            done = requeue_locked(&r, b, b2, &taken);
        mutex_unlock_two(&b->lock, &b2->lock);
        futex_wake_taken(&taken);
    }
    return done;
}

/* What the operation makes of a word. */
static int apply(int op, uint32_t arg, uint32_t old, uint32_t *out)
{
    switch (op) {
    case FUTEX_OP_SET:
        *out = arg;
        return 0;
    case FUTEX_OP_ADD:
        *out = old + arg;
        return 0;
    case FUTEX_OP_OR:
        *out = old | arg;
        return 0;
    case FUTEX_OP_ANDN:
        *out = old & ~arg;
        return 0;
    case FUTEX_OP_XOR:
        *out = old ^ arg;
        return 0;
    default:
        return -ENOSYS;
    }
}

/* 1, 0, or -ENOSYS. */
static int compare(int how, int32_t old, int32_t arg)
{
    switch (how) {
    case FUTEX_OP_CMP_EQ:
        return old == arg;
    case FUTEX_OP_CMP_NE:
        return old != arg;
    case FUTEX_OP_CMP_LT:
        return old < arg;
    case FUTEX_OP_CMP_GE:
        return old >= arg;
    case FUTEX_OP_CMP_LE:
        return old <= arg;
    case FUTEX_OP_CMP_GT:
        return old > arg;
    default:
        return -ENOSYS;
    }
}

/* Twelve bits with a sign. */
static int32_t signed12(uint32_t bits)
{
    return (int32_t)(bits << 20) >> 20;
}

/* Changes the word. Returns whether the comparison held. */
static int operate(struct task *t, uptr_t at, uint32_t encoded)
{
    int op = encoded >> 28 & 7, how = encoded >> 24 & 15;
    int32_t arg = signed12(encoded >> 12 & 0xfff), cmp_arg = signed12(encoded & 0xfff);
    uint32_t old, seen, next;

    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
        arg = (int32_t)(1u << (arg & 31));
    int err = word_load(t->mm, at, &seen);
    if (err)
        return err;
    do {
        old = seen;
        err = apply(op, (uint32_t)arg, old, &next);
        if (!err)
            err = word_cmpxchg(t->mm, at, &seen, next);
        if (err)
            return err;
    } while (seen != old);
    return compare(how, (int32_t)old, cmp_arg);
}

int futex_wake_op(struct task *t, const struct futex *first, const struct futex *second, int count,
                  int count2, uint32_t op)
{
    int err = futex_check(first);

    if (!err)
        err = futex_check(second);
    if (err)
        return err;
    int also = operate(t, second->at, op);
    if (also < 0)
        return also;
    int woken = futex_wake(t, first, count, FUTEX_BITSET_MATCH_ANY);
    if (woken < 0 || !also)
        return woken;
    int woken2 = futex_wake(t, second, count2, FUTEX_BITSET_MATCH_ANY);
    return woken2 < 0 ? woken2 : woken + woken2;
}
