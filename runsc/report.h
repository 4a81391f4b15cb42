/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What engines read: lines in the file of --log, as text or JSON, the way runc writes them.
 * Errors go to stderr as well.
 */
#pragma once

#include "base/cc.h"
#include "runsc/err.h"

struct report_options {
    const char *log; /* a file, NULL: none */
    bool json, debug;
};

/* Opens the log; what could not be opened is an error of its own. */
must_use int report_start(const struct report_options *o, struct err *e);
void report_error(const char *text);
void report_warning(const char *format, ...) printf_like(1, 2);
