/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of an address space: a process in it that makes host calls for us. */
#pragma once

#include <sys/types.h>

#include "base/cc.h"
#include "platform-stub/cpus.h"
#include "platform-stub/layout.h"

/* One host call that an agent is to make. */
struct stub_op {
    uint64_t nr;
    uint64_t args[6];
    uint64_t flags; /* OP_* */
};

#define STUB_OPS_MAX                                                             \
    192 /* in a batch; the rest of the area is for what their arguments point to \
         */

/*
 * The command area of one agent: 16 KiB of a memory file. We have it mapped for
 * writing. In the stub it is read-only; its agent writes the second part by pwrite(2).
 */
struct stub_cmd {
    /* ours */
    _Atomic uint32_t seq;      /* number of the newest batch; the agent sleeps on it */
    uint32_t count;            /* operations in that batch */
    _Atomic uint32_t sleeping; /* we sleep on `done` */
    uint32_t sentry;           /* our pid */
    /* the agent's */
    _Atomic uint32_t done; /* number of the last batch that is done */
    uint32_t value;        /* of the OP_VALUE operation */
    uint8_t error;         /* errno of the operation that failed, or 0 */
    uint8_t left;          /* operations not done, that one included */
    uint8_t unused[34];
    uint32_t used; /* ours: how many operations were written, at most, since the last wipe */

    struct stub_op ops[STUB_OPS_MAX];
    uint8_t data[STUB_CMD_SIZE - CMD_OPS - STUB_OPS_MAX * OP_SIZE];
};
static_assert(sizeof(struct stub_cmd) == STUB_CMD_SIZE, "layout.h");
static_assert(offsetof(struct stub_cmd, seq) == CMD_SEQ, "layout.h");
static_assert(offsetof(struct stub_cmd, count) == CMD_COUNT, "layout.h");
static_assert(offsetof(struct stub_cmd, sleeping) == CMD_SLEEPING, "layout.h");
static_assert(offsetof(struct stub_cmd, sentry) == CMD_SENTRY, "layout.h");
static_assert(offsetof(struct stub_cmd, done) == CMD_DONE, "layout.h");
static_assert(offsetof(struct stub_cmd, value) == CMD_VALUE, "layout.h");
static_assert(offsetof(struct stub_cmd, error) == CMD_ERROR, "layout.h");
static_assert(offsetof(struct stub_cmd, left) == CMD_LEFT, "layout.h");
static_assert(offsetof(struct stub_cmd, ops) == CMD_OPS, "layout.h");
static_assert(sizeof(struct stub_op) == OP_SIZE, "layout.h");
static_assert(offsetof(struct stub_op, args) == OP_ARG0, "layout.h");
static_assert(offsetof(struct stub_op, flags) == OP_FLAGS, "layout.h");
static_assert(STUB_OPS_MAX <= UINT8_MAX, "stub_cmd.left is a byte");

/* The owner's lock guards it: one batch at a time. */
struct agent {
    struct stub_cmd *cmd;
    const struct cpus *cpus;
    int cpu;         /* where it was woken last, or -1 */
    pid_t pid;       /* 0 once it is known to be dead, and reaped */
    unsigned count;  /* operations put into the next batch */
    unsigned sent;   /* operations of the last one */
    bool begun;      /* agent_finish() is due */
    uint8_t pause;   /* so many batches are waited for asleep, */
    uint8_t penalty; /* and twice as many when yielding is in vain again */
};

/*
 * Starts on a command area that no agent uses.
 *
 *   cmd, cpus borrowed for its life
 *   sentry    our pid
 */
void agent_init(struct agent *a, struct stub_cmd *cmd, const struct cpus *cpus, pid_t sentry);

/* Leaves nothing in a command area that the guest of its next agent could learn from. */
void agent_wipe(struct stub_cmd *cmd);

static inline bool agent_is_full(const struct agent *a)
{
    return a->count == STUB_OPS_MAX;
}

/* Puts one operation into the next batch, which must not be full. */
void agent_put(struct agent *a, unsigned flags, long nr, uint64_t a0, uint64_t a1, uint64_t a2,
               uint64_t a3, uint64_t a4, uint64_t a5);

/*
 * Has the batch done, in order, until one operation fails. It is empty afterwards.
 *
 *   done      how many were done; may be NULL
 *   errors    what the failed operation gave; EIO where the agent is dead
 *   blocks    for the agent, whose calls do not block
 */
must_use int agent_run(struct agent *a, unsigned *done);

/*
 * The same in two steps, between which nothing is put: the batch begins, on whichever processor
 * is free, and is waited for. Errors as above.
 */
void agent_begin(struct agent *a);
must_use int agent_finish(struct agent *a);

/* True where it was killed from outside; it is reaped then. agent_run() takes a second to see it.
 */
bool agent_is_dead(struct agent *a);

/* What the OP_VALUE operation of the last batch gave. */
static inline uint32_t agent_value(const struct agent *a)
{
    return a->cmd->value;
}
