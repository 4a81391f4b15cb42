/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mountinfo.h"

#include <string.h>

char *mountinfo_field(char *line, unsigned n)
{
    while (line && --n > 0) {
        line = strchr(line, ' ');
        line += line != NULL;
    }
    return line;
}

char *mountinfo_type(char *line)
{
    char *end = strstr(line, " - ");

    return end ? end + 3 : NULL;
}

void mountinfo_cut(char *field)
{
    char *to = field, *s = field;

    while (*s && *s != ' ') {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}
