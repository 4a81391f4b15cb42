/* SPDX-License-Identifier: Apache-2.0 */
/* What runsc does while a sandbox runs: signals go in, the status comes out. */
#pragma once

#include "base/time.h"
#include "runsc/sandbox.h"
#include "runsc/terminal.h"

struct supervision {
    struct sandbox *sandbox;
    struct terminal *terminal;
    nsec_t timeout; /* NSEC_NEVER: none */
    bool timing;
    nsec_t started; /* CLOCK_MONOTONIC, when runsc began: --timing counts from it */
    /* Its own: start with false. */
    bool away;          /* another job has the terminal */
    bool asked_to_stop; /* SIGTSTP came, and the first process has not stopped since */
};

/* Blocks the signals that are passed on, so that none is lost while the sandbox starts. */
void supervise_prepare(void);

/*
 * Waits for the end.
 *
 *   returns   what runsc exits with; `e` is set where that is EXIT_OURS
 */
must_use int supervise(struct supervision *s, struct err *e);
