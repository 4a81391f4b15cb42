/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for people, at the edges: start, refusals, the end. Nothing that a guest
 * can repeat at will is logged above LOG_DEBUG.
 *
 * Where lines go and which are written are the only mutable globals of the
 * sandbox: a panic must find them from anywhere, even where no object is whole.
 */
#pragma once

#include "base/cc.h"

enum log_level {
    LOG_ERROR, /* this will not work */
    LOG_WARN,  /* this works, but not as was asked */
    LOG_INFO,  /* what a person who started us wants to know */
    LOG_DEBUG, /* what we want to know */
};

/*
 * Says where lines go from now on. Before, they go to descriptor 2, from LOG_WARN up.
 *
 *   fd        borrowed for the life of the process; -1 writes nothing
 *   level     the least urgent that is written
 *   who       first word of each line, such as "sentry"; a string that stays
 */
void log_start(int fd, enum log_level level, const char *who);

/* Whether a line of this level would be written. */
bool log_enabled(enum log_level level);

/* Writes one line, cut at LOG_LINE_SIZE bytes. Allocates nothing, and takes no lock. */
void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);

/* Writes one line at any level: for panic(). */
void log_last_words(const char *fmt, ...) printf_like(1, 2);

#define LOG_LINE_SIZE 1024

#define log_at(level, ...)                \
    do {                                  \
        if (unlikely(log_enabled(level))) \
            log_line(level, __VA_ARGS__); \
    } while (0)

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
