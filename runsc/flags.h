/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags of the command line, from one table for each command: the table parses,
 * prints the help and feeds the shell's completion, so that the three agree.
 *
 *   --name value   --name=value   --switch   --no-switch   -x   --
 */
#pragma once

#include "base/cc.h"
#include "runsc/err.h"

struct flag {
    const char *name;  /* without dashes */
    char letter;       /* 0: none */
    const char *value; /* what stands for the value in the help; NULL: a switch */
    const char *help;  /* one line */
    /* Takes the value ("" for a switch; "no" for --no-switch). Returns 0 or err_set(…). */
    int (*take)(void *into, const char *value, struct err *e);
    bool negatable; /* a switch that has a --no- form */
};

/*
 * Parses up to the first word that is no flag, or behind "--".
 *
 *   argv      NULL-terminated; [0] is the command's name
 *   into      handed to each take()
 *   rest      the index of the first word left over
 *   errors    EINVAL with words
 */
must_use int flags_parse(const struct flag *flags, size_t n, char *const argv[], void *into,
                         int *rest, struct err *e);

/* The lines of the help, to stdout. */
void flags_help(const struct flag *flags, size_t n);

/* A take() that keeps the value, or that a switch was there, in a field of `into`. */
#define FLAG_TEXT(name, type, field)                                     \
    static int take_##name(void *into, const char *value, struct err *e) \
    {                                                                    \
        (void)e;                                                         \
        ((type *)into)->field = value;                                   \
        return 0;                                                        \
    }
#define FLAG_SWITCH(name, type, field)                                   \
    static int take_##name(void *into, const char *value, struct err *e) \
    {                                                                    \
        (void)value, (void)e;                                            \
        ((type *)into)->field = true;                                    \
        return 0;                                                        \
    }
