/* SPDX-License-Identifier: Apache-2.0 */
/* strace of our own, from the table: each row knows how its arguments are printed. */
#pragma once

#include "sentry/syscall/stats.h"

struct task;

enum print_kind {
    PRINT_DECIMAL,
    PRINT_DECIMAL_U,
    PRINT_HEX,
    PRINT_OCTAL,
    PRINT_DIRFD,
    PRINT_BYTES_IN,
    PRINT_BYTES_OUT,
    PRINT_STRING,
    PRINT_STRINGS,
    PRINT_SIGSET,
    PRINT_SIGNAL,
    PRINT_TIMESPEC,
    PRINT_TIMEVAL,
    PRINT_SOCKADDR,
    PRINT_INT_OUT,
    PRINT_OPEN_FLAGS,
    PRINT_AT_FLAGS,
    PRINT_PROT,
    PRINT_MAP_FLAGS,
    PRINT_CLONE_FLAGS,
    PRINT_CLOCK,
    PRINT_WHENCE,
    PRINT_FUTEX_OP,
    PRINT_FAMILY,
};

/* One line being made; what does not fit is cut with "...". */
struct line {
    char text[1024];
    size_t len;
};

void line_add(struct line *l, const char *format, ...) printf_like(2, 3);

/* A string in quotes, what cannot be printed escaped as in C. */
void line_add_text(struct line *l, const char *s, size_t n);

/*
 * One argument in the form that its kind asks for.
 *
 *   value     the register
 *   next      the register after it: the size of a buffer
 *   result    what the call gave, -1 before it: how much of an out buffer to show
 */
void trace_arg(struct line *l, struct task *t, enum print_kind kind, uint64_t value, uint64_t next,
               long result);

/* The name of an errno, also of the restart codes: "ENOENT". */
const char *errno_name(int err);

/* "SIGTERM", "SIGRT_3": into the caller's buffer. */
const char *signal_name(int sig, char buf[16]);

/*
 * Makes a call, counts it and prints its line, as asked.
 *
 *   call      what really makes it
 *   returns   what it returned
 */
long syscall_watched(struct task *t, struct syscall_stats *s, uint64_t nr, const uint64_t regs[6],
                     long (*call)(struct task *t, uint64_t nr, const uint64_t regs[6]));

/* The line of the execve that no guest made: the first program's. `path` is where it was found. */
void trace_first_exec(struct task *t, const char *path, const char *const *argv);

/* A line about something that is no call: a signal, an exit. Only where tracing is on. */
void trace_event(struct task *t, const char *format, ...) printf_like(2, 3);
