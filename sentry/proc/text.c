/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text: doubles where it has to. */
#include "sentry/proc/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROOM_FIRST ((size_t)512)

static bool reserve(struct text *t, size_t more)
{
    size_t room = t->bytes ? arena_usable(t->bytes) : 0;

    if (t->failed)
        return false;
    if (room - t->size >= more)
        return true;
    size_t want = max(room * 2, t->size + more);
    char *bytes = arena_alloc(t->arena, max(want, ROOM_FIRST));
    if (!bytes) {
        t->failed = true;
        return false;
    }
    if (t->bytes)
        memcpy(bytes, t->bytes, t->size);
    arena_free(t->bytes);
    t->bytes = bytes;
    return true;
}

char *text_room(struct text *t, size_t size)
{
    if (!reserve(t, size))
        return NULL;
    char *at = t->bytes + t->size;
    t->size += size;
    return at;
}

void text_bytes(struct text *t, const void *p, size_t size)
{
    char *at = text_room(t, size);

    if (at)
        memcpy(at, p, size);
}

void text_string(struct text *t, const char *s)
{
    text_bytes(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
    text_bytes(t, &c, 1);
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    if (!reserve(t, (size_t)len + 1))
        return;
    va_start(args, fmt);
    vsnprintf(t->bytes + t->size, (size_t)len + 1, fmt, args);
    va_end(args);
    t->size += (size_t)len;
}

void text_pad(struct text *t, size_t from, size_t column)
{
    while (!t->failed && t->size - from < column)
        text_char(t, ' ');
}

void text_escaped(struct text *t, const char *s, const char *special)
{
    for (; *s; s++) {
        if (*s == '\\' || strchr(special, *s))
            text_printf(t, "\\%03o", (unsigned char)*s);
        else
            text_char(t, *s);
    }
}

void text_destroy(struct text *t)
{
    arena_free(t->bytes);
    t->bytes = NULL;
    t->size = 0;
}
