/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of futexes share.
 *
 * A waiter lives on the stack of the thread that sleeps. It is in one of these
 * states, and `bucket` says in which:
 *
 *     a bucket        queued there; that bucket's lock guards the change
 *     BUCKET_MOVING   somebody has taken it off and has not yet decided: he soon will
 *     NULL            woken, or (to_pi) handed to a PI state: see futex_pi_priv.h
 *
 * When `bucket` becomes NULL the waiter may be gone the next moment.
 *
 * Words are read without a bucket's lock, since a copy takes the mm's. Instead a
 * bucket counts the wakes that it has seen: who reads a word notes the count
 * before, and queues only if it is still the same. A wake that finds no waiters
 * only counts; it needs no lock.
 */
#pragma once

#include "base/list.h"
#include "base/lock.h"
#include "sentry/task/futex.h"

#define FUTEX_BUCKETS 256
#define PI_SHARDS     16

/* [l] under lock   [a] atomic */
struct futex_bucket {
    struct mutex lock;        /* RANK_FUTEX */
    _Atomic uint32_t waiting; /* [a] how many are queued, or about to be; changed under lock */
    _Atomic uint32_t wakes;   /* [a] counts those that came */
    _Atomic uint32_t waits;   /* [a] counts those that queued */
    struct list waiters;      /* [l] futex_waiter.node, oldest first */
} __attribute__((aligned(64)));

/* PI futexes of some keys: few, so that a list will do. */
struct pi_shard {
    struct mutex lock;  /* RANK_FUTEX_PI */
    struct list states; /* [l] pi_state.node */
};

struct futexes {
    void *memory; /* [I] what arena_alloc() gave: this lies in it, aligned */
    uint64_t seed;
    _Atomic uint32_t pi_states; /* in all shards, and about to be: most sandboxes have none */
    struct pi_shard shards[PI_SHARDS];
    struct futex_bucket buckets[FUTEX_BUCKETS];
};

struct pi_state;

/* [I] never changes   [b] under the bucket's lock   [p] under the PI shard's lock */
struct futex_waiter {
    struct list node;    /* [b] in the bucket, or [p] in a PI state */
    struct word_key key; /* [b] */
    struct task *task;   /* [I] whose stack this is */
    uint32_t bitset;     /* [I] */
    struct futex_bucket *_Atomic bucket;
    bool to_pi;                /* [I] may only be moved, to pi_key */
    struct word_key pi_key;    /* [I] */
    struct pi_state *pi;       /* [p] where it waits for a lock */
    _Atomic uint32_t pi_grant; /* enum pi_grant; written under [p] */
};

#define BUCKET_MOVING ((struct futex_bucket *)1)

static inline struct futexes *futexes_of(const struct task *t)
{
    return (struct futexes *)arena_root(t->arena, ROOT_FUTEXES);
}

struct futex_bucket *futex_bucket_of(const struct task *t, const struct word_key *key);

static inline bool word_key_equal(const struct word_key *a, const struct word_key *b)
{
    return a->object == b->object && a->off == b->off;
}

/* Looks the word up. Errors: EINVAL, EFAULT. */
must_use int futex_key(struct task *t, const struct futex *f, struct word_key *out);

/* Errors: EINVAL for an empty bitset, and those of futex_key(). */
must_use int futex_waiter_init(struct futex_waiter *w, struct task *t, const struct futex *f,
                               uint32_t bitset);

/* Queues if the word still holds `expected`. Errors: EAGAIN, EFAULT. */
must_use int futex_enqueue(struct futex_waiter *w, uptr_t at, uint32_t expected);

/*
 * Takes itself off.
 *
 *   returns   false: somebody was faster, the waiter was woken or handed over
 */
must_use bool futex_dequeue(struct futex_waiter *w);

/* Sleeps until woken or handed over (0), or until another reason; dequeued in any case. */
must_use int futex_sleep(struct futex_waiter *w, const struct moment *until);

/* Takes a queued waiter off its bucket and puts it on `out`, as BUCKET_MOVING. */
void futex_take_locked(struct futex_bucket *b, struct futex_waiter *w, struct list *out);

/* Wakes all on the list, which futex_take_locked() made. No bucket's lock is held. */
void futex_wake_taken(struct list *taken);

/* Are there threads that wait for this word as a PI futex? */
bool futex_has_pi(struct task *t, const struct word_key *key);

/* robust.c, futex_pi.c: the parts of futex_exit(). */
void robust_exit(struct task *t);
void pi_exit(struct task *t);
