/* SPDX-License-Identifier: Apache-2.0 */
/* The last words: formatted on the stack, written with one call. */
#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/host.h"
#include "base/log.h"

void panic_at(const char *file, int line, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log_last_words("panic: %s:%d: %s", file, line, text);
    host_abort();
}

void assert_failed(const char *expr, const char *file, int line)
{
    panic_at(file, line, "assertion failed: %s", expr);
}
