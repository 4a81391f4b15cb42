/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes: sleeping on a word of guest memory until somebody says that it changed.
 *
 * These do the work of futex(2) after its arguments were decoded. None may be
 * called with a lock held. Waits give -ERESTARTSYS where a signal came; what that
 * means for the call is the handler's business (sentry/syscall/sys_futex.c).
 *
 *   source    futex(2), set_robust_list(2), PI-futex and robust-futex in Linux's documentation
 */
#pragma once

#include "sentry/task/clock_sleep.h"

/* Makes the tables and puts them at ROOT_FUTEXES. Once, at start. Errors: ENOMEM. */
must_use int futexes_create(struct arena *a);
/* Nobody waits any more. */
void futexes_destroy(struct arena *a);

/* A word, and whether other processes may know it by another address. */
struct futex {
    uptr_t at;
    bool shared;
};

/* Are words at this address possible at all? Errors: EINVAL where it is not aligned. */
must_use int futex_check(const struct futex *f);

/*
 * Sleeps while the word holds `expected`.
 *
 *   bitset    not 0: wakes have to share a bit with it
 *   errors    EAGAIN where the word holds something else; ETIMEDOUT; ERESTARTSYS;
 *             EINVAL, EFAULT
 *   blocks    for futex_wake()
 */
must_use int futex_wait(struct task *t, const struct futex *f, uint32_t expected, uint32_t bitset,
                        const struct moment *until);

/*
 * Wakes the first `count` that wait; one at least, if there is any, as Linux does.
 *
 *   returns   how many, or -EINVAL, -EFAULT
 */
must_use int futex_wake(struct task *t, const struct futex *f, int count, uint32_t bitset);

/*
 * Wakes `wake` that wait on `from`, and lets up to `move` others wait on `to` instead.
 *
 *   expected  NULL: FUTEX_REQUEUE; else `from` must hold it, or EAGAIN
 *   returns   how many in all
 */
must_use int futex_requeue(struct task *t, const struct futex *from, const struct futex *to,
                           int wake, int move, const uint32_t *expected);

/*
 * FUTEX_WAKE_OP: changes `second` as `op` says; wakes `count` on `first`, and, where the old
 * value compares as `op` says, `count2` on `second`.
 *
 *   errors    ENOSYS for an `op` that there is not
 */
must_use int futex_wake_op(struct task *t, const struct futex *first, const struct futex *second,
                           int count, int count2, uint32_t op);

#define FUTEX_WAITV_MOST 128

/* One of several words to wait for. */
struct futex_wanted {
    struct futex futex;
    uint32_t expected;
};

/*
 * Sleeps until one of several is woken: futex_waitv(2).
 *
 *   returns   its index
 */
must_use int futex_wait_many(struct task *t, const struct futex_wanted *wanted, uint32_t count,
                             const struct moment *until);

/* ---- priority inheritance: the word holds its owner's number ---- */

/*
 *   errors    EDEADLK where it is ours; ESRCH where the owner is nobody; EINVAL where the word
 *             and its waiters disagree; EAGAIN from `try_only`; ETIMEDOUT; ERESTARTSYS; ENOMEM
 */
must_use int futex_lock_pi(struct task *t, const struct futex *f, const struct moment *until,
                           bool try_only);
/* Errors: EPERM where it is not ours; EINVAL. */
must_use int futex_unlock_pi(struct task *t, const struct futex *f);

/*
 * Waits on `from` to be moved to `to` by futex_requeue_pi(), and to own that.
 *
 *   errors    as futex_wait() before the move; EAGAIN where a signal came after it
 */
must_use int futex_wait_requeue_pi(struct task *t, const struct futex *from, uint32_t expected,
                                   uint32_t bitset, const struct futex *to,
                                   const struct moment *until);
/* FUTEX_CMP_REQUEUE_PI: one of them gets the lock if it is free. Returns how many were moved. */
must_use int futex_requeue_pi(struct task *t, const struct futex *from, const struct futex *to,
                              int move, uint32_t expected);

/* ---- ends ---- */

/*
 * What a thread owes others before it leaves its memory: words on its robust list are
 * marked, owned PI futexes go to those who wait, clear_tid is cleared and woken. On its own
 * thread, while t->mm is still the old one; futex_exec() where it will have another.
 */
void futex_exit(struct task *t);
void futex_exec(struct task *t);

/* What others may know of that: task.futex_exit. */
enum futex_exit {
    FUTEX_ALIVE,
    FUTEX_EXITING, /* its words are being marked */
    FUTEX_GONE,    /* it owns nothing any more, whatever a word says */
};
