/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many files, one wait: what poll(2) and select(2) have in common.
 *
 *     pollset_init(&set, t, entries, n);
 *     …fill entries…
 *     r = BLOCK_ON(t, &set.waitq, deadline, pollset_check(&set));
 *     pollset_destroy(&set);
 *
 * The first check only looks. From the second on, which is made when the caller has
 * joined set.waitq, every file wakes that queue.
 */
#pragma once

#include "sentry/vfs/file.h"

struct pollset;

/* [c] the caller's   [s] the set's own */
struct poll_entry {
    struct file *file;    /* [c] a reference, which pollset_destroy() gives up; NULL: never ready */
    uint16_t events;      /* [c] wanted: POLLERR and POLLHUP only where they are among them */
    uint16_t ready;       /* what was found by the last check */
    bool joined;          /* [s] */
    struct waiter waiter; /* [s] */
    struct pollset *set;  /* [s] */
};

struct pollset {
    struct waitq waitq;         /* where the caller sleeps */
    struct task *task;          /* [c] who that is, borrowed; NULL: nobody in particular */
    struct poll_entry *entries; /* [c] zeroed and filled by the caller */
    size_t count;
    unsigned checks; /* made so far */
};

void pollset_init(struct pollset *s, struct task *t, struct poll_entry *entries, size_t count);

/*
 * Looks at all files and sets `ready` of each.
 *
 *   returns   how many are ready; -EAGAIN where none is
 */
must_use long pollset_check(struct pollset *s);

/* Leaves all queues and puts all files. */
void pollset_destroy(struct pollset *s);
