/* SPDX-License-Identifier: Apache-2.0 */
#include "runsc/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    double worth;
};

/* "<decimal><unit>"; -1 where it is not that. */
static double parse_units(const char *text, const struct unit *units, size_t n)
{
    char *end;

    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return -1;
    double v = strtod(text, &end);
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(end, units[i].name) == 0)
            return v * units[i].worth;
    return -1;
}

int parse_size(const char *text, const char *what, uint64_t *out, struct err *e)
{
    static const struct unit units[] = {
        {"",     1     },
        { "b",   1     },
        { "k",   0x1p10},
        { "kb",  0x1p10},
        { "kib", 0x1p10},
        { "m",   0x1p20},
        { "mb",  0x1p20},
        { "mib", 0x1p20},
        { "g",   0x1p30},
        { "gb",  0x1p30},
        { "gib", 0x1p30},
        { "t",   0x1p40},
        { "tb",  0x1p40},
        { "tib", 0x1p40},
    };
    double v = parse_units(text, units, ARRAY_LEN(units));

    if (v < 1 || v > 0x1p60)
        return err_set(e, -EINVAL, "%s: \"%s\" is no size; write 64m or 1.5g", what, text);
    *out = (uint64_t)v;
    return 0;
}

int parse_span(const char *text, const char *what, nsec_t *out, struct err *e)
{
    static const struct unit units[] = {
        {"",     1e9    },
        { "s",   1e9    },
        { "ms",  1e6    },
        { "us",  1e3    },
        { "m",   60e9   },
        { "min", 60e9   },
        { "h",   3600e9 },
        { "d",   86400e9}
    };
    double v = parse_units(text, units, ARRAY_LEN(units));

    if (!(v >= 1) || v > 9e18)
        return err_set(e, -EINVAL, "%s: \"%s\" is no time; write 5s, 200ms or 2m", what, text);
    *out = (nsec_t)v;
    return 0;
}

int parse_number(const char *text, const char *what, uint64_t least, uint64_t most, uint64_t *out,
                 struct err *e)
{
    char *end;

    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || v < least || v > most)
        return err_set(e, -EINVAL, "%s: \"%s\" is not a whole number from %llu to %llu", what, text,
                       (unsigned long long)least, (unsigned long long)most);
    *out = v;
    return 0;
}
