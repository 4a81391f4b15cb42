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
    char inner[sizeof e->text];
    va_list ap;

    memcpy(inner, e->text, sizeof inner);
    va_start(ap, format);
    int n = vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof e->text - 1)
        (void)!snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", inner);
}
