/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes whose word names the owner, FUTEX_LOCK_PI and its kin.
 *
 * The word is 0 where nobody has it, else the owner's number, with FUTEX_WAITERS
 * where an unlock has to come to us. While threads wait there is a pi_state. All
 * changes to a state, and all of ours to its word, happen under its shard's lock,
 * which ranks outside of everything that touching a word takes.
 *
 * No task here has a real-time priority, so waiters stand in the order they came,
 * and there is nothing to inherit.
 *
 * An owner that dies leaves the lock to the first waiter, its heir. The heir writes
 * that into the word itself, since the word may not be in the dead one's memory.
 */
#pragma once

#include <linux/futex.h>

#include "sentry/task/futex_priv.h"

/* [p] under the shard's lock */
struct pi_state {
    struct list node;    /* [p] in the shard */
    struct word_key key; /* [I] */
    struct list waiters; /* [p] futex_waiter.node, oldest first */
    struct task *owner;  /* [p] weak: its pi_exit() gives the state to another */
    bool orphan;         /* [p] `owner` is an heir who has yet to say so in the word */
};

enum pi_grant {
    PI_WAITING,
    PI_OWNS,     /* and the word says so */
    PI_INHERITS, /* and has to say so */
};

/* What a thread wants: for itself, or on behalf of one that is to be requeued. */
struct pi_attempt {
    struct task *t;   /* the caller: its memory holds the word */
    struct task *who; /* who is to have the lock */
    uptr_t at;
    struct word_key key;
    bool mark_waiters; /* others will wait behind `who` */
};

struct pi_shard *pi_shard_of(const struct task *t, const struct word_key *key);

/*
 * Takes the lock if it is free, or finds out behind whom to wait.
 *
 *   out       the state to wait in, where it was not free
 *   returns   1 taken; 0 wait in `*out`; -EAGAIN the word changed, try again; -EBUSY its owner
 *             is about to die, try again later; else as futex_lock_pi()
 */
must_use int pi_attempt_locked(struct pi_shard *s, const struct pi_attempt *a,
                               struct pi_state **out) HOLDS(s->lock);

/* The state for a key, made where there is none. NULL: no memory. */
must_use struct pi_state *pi_state_make_locked(struct pi_shard *s, struct task *owner,
                                               const struct word_key *key) HOLDS(s->lock);
/* Frees it where nobody waits and no heir has to write. */
void pi_state_drop_locked(struct pi_shard *s, struct pi_state *st) HOLDS(s->lock);

/* Puts a waiter that is in no bucket behind the others. */
void pi_queue_locked(struct pi_state *st, struct futex_waiter *w);

/* Sleeps until the lock is `w`'s, or gives up. Errors: ETIMEDOUT, ERESTARTSYS, EFAULT. */
must_use int pi_sleep(struct futex_waiter *w, struct pi_shard *s, uptr_t at,
                      const struct moment *until);
