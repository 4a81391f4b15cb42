/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An errno with words for a person: what went wrong, where, and what to do.
 *
 * Set where it happens, printed once in main().
 */
#pragma once

#include "base/cc.h"

struct err {
    int code; /* -errno, 0: none */
    char text[512];
};

/* Sets the words and returns `code`, so that one can `return err_set(…)`. */
int err_set(struct err *e, int code, const char *format, ...) printf_like(3, 4);
/* Puts words before those that are set, as who asked for it sees them. */
void err_prefix(struct err *e, const char *words);
/* Puts words behind them: what to do about it. */
void err_hint(struct err *e, const char *format, ...) printf_like(2, 3);
