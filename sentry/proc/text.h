/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows: the contents of a file of /proc while they are put together. */
#pragma once

#include "sentry/core/arena.h"

struct text {
    struct arena *arena;
    char *bytes; /* arena; not terminated */
    size_t size;
    bool failed; /* there was no memory: what was added since is lost */
};

static inline void text_init(struct text *t, struct arena *a)
{
    *t = (struct text){ .arena = a };
}

void text_bytes(struct text *t, const void *p, size_t size);
void text_string(struct text *t, const char *s);
void text_char(struct text *t, char c);
void text_printf(struct text *t, const char *fmt, ...) printf_like(2, 3);
/* Blanks up to a column, counted from `from`, which is an earlier t->size. */
void text_pad(struct text *t, size_t from, size_t column);
/* With \ooo in the place of each of `special`, and of the backslash. */
void text_escaped(struct text *t, const char *s, const char *special);
/* Room for `size` bytes that the caller fills, or NULL. */
char *text_room(struct text *t, size_t size);

void text_destroy(struct text *t);
