/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits `#!` lines. The last byte of the head is only a place for a NUL, so a
 * name that runs up to it may be cut, and is refused; an argument may be cut.
 */
#include "sentry/load/script.h"

#include <errno.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *at, char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* The first blank or NUL, or `end`. */
static char *skip_word(char *at, char *end)
{
    while (at < end && *at && !is_blank(*at))
        at++;
    return at;
}

/* The newline, if one comes before any NUL; else NULL. */
static char *find_newline(char *at, char *end)
{
    while (at < end && *at && *at != '\n')
        at++;
    return at < end && *at == '\n' ? at : NULL;
}

int script_parse(char *head, size_t size, struct script *out)
{
    assert(size > 3);
    char *last = head + size - 1, *line = head + 2;

    if (head[0] != '#' || head[1] != '!')
        return -ENOEXEC;
    char *end = find_newline(line, head + size);
    if (!end) {
        char *word = skip_blanks(line, last + 1);
        if (skip_word(word, last + 1) > last)
            return -ENOEXEC;
        end = last;
    }
    while (end > line && is_blank(end[-1]))
        end--;
    char *name = skip_blanks(line, end);
    if (name == end)
        return -ENOEXEC;
    char *name_end = skip_word(name, end);
    /* A blank and then a NUL is an empty argument, as in Linux. */
    bool more = name_end < end && is_blank(*name_end);
    char *argument = more ? skip_blanks(name_end, end) : NULL;
    *end = '\0';
    *name_end = '\0';
    *out = (struct script){ .interpreter = name, .argument = argument };
    return 0;
}
