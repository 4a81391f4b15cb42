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
};

/* Blocks the signals that are passed on, so that none is lost while the sandbox starts. */
void supervise_prepare(void);

/*
 * Waits for the end.
 *
 *   returns   what runsc exits with; `e` is set where that is EXIT_OURS
 */
must_use int supervise(const struct supervision *s, struct err *e);
