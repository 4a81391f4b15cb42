/* SPDX-License-Identifier: Apache-2.0 */
/* The last words. */
#pragma once

#include "base/cc.h"

/*
 * Ends the process: the host broke its word, or we found a mistake of our own.
 * Writes one line to the log's descriptor, allocates nothing, and raises SIGABRT.
 * May be called in a signal handler, and under any lock.
 *
 *   file, line  where; use the macro
 */
_Noreturn void panic_at(const char *file, int line, const char *fmt, ...) printf_like(3, 4);

#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
