/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An errno with words for a person: what went wrong, where, and what to do.
 *
 * Set where it happens, given context on the way up, printed once in main().
 */
#pragma once

#include "base/cc.h"

struct err {
    int code; /* -errno, 0: none */
    char text[512];
};

/* Sets the words and returns `code`, so that one can `return err_set(…)`. */
int err_set(struct err *e, int code, const char *format, ...) printf_like(3, 4);

/* Puts "context: " before the words there are. */
void err_wrap(struct err *e, const char *format, ...) printf_like(2, 3);
