/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/syscalls.md: the system-call table, as a table for people. */
#include <stdio.h>
#include <string.h>

struct row {
    int nr;
    const char *name, *support, *source, *note;
};

static const struct row rows[] = {
#define SYSCALL(nr, name, support, source, note, ...) { nr, #name, #support, source, note },
#define NOCALL(nr, name, err, note)                   { nr, #name, "refused", #err, note },
#include "sentry/syscall/syscalls.def"
};

#define LEN (sizeof rows / sizeof *rows)

static unsigned count(const char *support)
{
    unsigned n = 0;

    for (size_t i = 0; i < LEN; i++)
        n += !strcmp(rows[i].support, support);
    return n;
}

static const char *word(const char *support)
{
    return !strcmp(support, "FULL") ? "full" : !strcmp(support, "PARTIAL") ? "partial" : support;
}

int main(void)
{
    printf(
        "# System calls\n\n"
        "Made by `make docs` from `sentry/syscall/syscalls.def`; do not edit.\n\n"
        "%u calls are there in full and %u in part; %u are refused on purpose, with the error\n"
        "that is shown. A number that is not here gives `ENOSYS`.\n\n"
        "| number | call | support | follows, or error | what differs |\n"
        "|---|---|---|---|---|\n",
        count("FULL"), count("PARTIAL"), count("refused"));
    for (const struct row *r = rows; r < rows + LEN; r++)
        printf("| %d | `%s` | %s | %s | %s |\n", r->nr, r->name, word(r->support), r->source,
               r->note);
    return 0;
}
