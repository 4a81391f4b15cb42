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

void err_wrap(struct err *e, const char *format, ...)
{
    char inner[sizeof e->text], outer[sizeof e->text - 2];
    va_list ap;

    memcpy(inner, e->text, sizeof inner);
    va_start(ap, format);
    vsnprintf(outer, sizeof outer, format, ap);
    va_end(ap);
    size_t n = strlen(outer);
    snprintf(e->text, sizeof e->text, "%s: ", outer);
    if (n + 2 < sizeof e->text)
        snprintf(e->text + n + 2, sizeof e->text - n - 2, "%.*s", (int)(sizeof e->text - n - 3),
                 inner);
}
