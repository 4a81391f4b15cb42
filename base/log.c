/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line is one write(2), so that lines of several threads and processes that
 * share the descriptor do not mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/host.h"

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warning",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

/* The one exception to "no mutable statics": see log.h. Set once, before threads. */
static struct {
    int fd;
    enum log_level level;
    const char *who;
} state = { .fd = 2, .level = LOG_WARN, .who = "runsc" };

void log_start(int fd, enum log_level level, const char *who)
{
    state.fd = fd;
    state.level = level;
    state.who = who;
}

bool log_enabled(enum log_level level)
{
    return state.fd >= 0 && level <= state.level;
}

static void write_line(const char *level, const char *fmt, va_list args)
{
    char line[LOG_LINE_SIZE];
    int n = snprintf(line, sizeof line, "%s: %s%s", state.who, level, *level ? ": " : "");

    assert_slow(n > 0 && (size_t)n < sizeof line);
    int more = vsnprintf(line + n, sizeof line - (size_t)n, fmt, args);
    size_t size = min((size_t)n + (more > 0 ? (size_t)more : 0), sizeof line - 1);
    line[size++] = '\n';
    /* A log that cannot be written must not change what the sandbox does. */
    ssize_t ignored = host_write(state.fd, line, size);
    (void)ignored;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;

    if (!log_enabled(level))
        return;
    va_start(args, fmt);
    write_line(level_names[level], fmt, args);
    va_end(args);
}

void log_last_words(const char *fmt, ...)
{
    va_list args;

    if (state.fd < 0)
        return;
    va_start(args, fmt);
    write_line("", fmt, args);
    va_end(args);
}
