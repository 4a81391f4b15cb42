/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What semop(2) does to the values of one set: all of it, or nothing. No locks, no tasks.
 *
 *   source    semop(2); ipc/sem.c, perform_atomic_semop(), Linux 6.6
 */
#pragma once

#include <linux/sem.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"

struct pid;

struct sem {
    int32_t value;
    struct pid *pid; /* who changed it last; a reference, or NULL */
};

/* What one call asks for. Borrowed by who solves it. */
struct sem_request {
    const struct sembuf *ops; /* each number is below the set's count */
    unsigned count;           /* at least 1 */
    int16_t *adjust; /* what SEM_UNDO is to give back, by number; NULL where no op says it */
};

enum sem_answer {
    SEM_DONE,  /* all of it has been done */
    SEM_WAIT,  /* nothing has: `blocking` cannot be done yet */
    SEM_AGAIN, /* the same, and it says IPC_NOWAIT */
    SEM_RANGE, /* nothing has: a value or an adjustment would pass its limit */
};

/*
 * In the order of the operations, each on what those before it have left.
 *
 *   blocking  set for SEM_WAIT and SEM_AGAIN: which operation
 */
must_use enum sem_answer sem_solve(struct sem *sems, const struct sem_request *r,
                                   unsigned *blocking);

/* Does it change anything? What only waits for zero needs no right to write. */
bool sem_request_alters(const struct sem_request *r);

/* Is any of it to be undone at exit? */
bool sem_request_undoes(const struct sembuf *ops, unsigned count);

/* A value after an adjustment at exit: it stays in its limits. */
int32_t sem_adjusted(int32_t value, int adjust);
