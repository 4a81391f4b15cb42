/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    e->code = code;
    return code;
}

void err_prefix(struct err *e, const char *words)
{
    char text[sizeof e->text];

    snprintf(text, sizeof text, "%s%.*s", words, (int)(sizeof text - strlen(words) - 1), e->text);
    memcpy(e->text, text, sizeof text);
}

void err_hint(struct err *e, const char *format, ...)
{
    size_t len = strlen(e->text);
    va_list ap;

    va_start(ap, format);
    vsnprintf(e->text + len, sizeof e->text - len, format, ap);
    va_end(ap);
}
