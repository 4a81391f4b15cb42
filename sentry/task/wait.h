/* SPDX-License-Identifier: Apache-2.0 */
/* What a parent learns of its children: wait4(2), waitid(2). */
#pragma once

#include "sentry/task/pid.h"
#include "sentry/task/usage.h"

enum wait_kind { WAIT_FOR_ANY, WAIT_FOR_PID, WAIT_FOR_PGRP, WAIT_FOR_PIDFD };

struct wait_request {
    enum wait_kind kind;
    struct pid *pid;  /* borrowed; NULL where that number names nothing */
    unsigned options; /* WEXITED, WSTOPPED, WCONTINUED, WNOWAIT, __WALL, __WCLONE, __WNOTHREAD */
};

struct wait_result {
    int pid;      /* as the caller sees it */
    uint32_t uid; /* in the caller's user namespace */
    int status;   /* as wait4(2) encodes it */
    int code;     /* CLD_* */
    struct usage usage;
};

/*
 * Looks once, and takes what it finds unless WNOWAIT.
 *
 *   errors    EAGAIN where there is nothing yet; ECHILD where there cannot be
 *   locks     takes RANK_TASKS
 */
must_use int wait_child(struct task *t, const struct wait_request *r, struct wait_result *out);
