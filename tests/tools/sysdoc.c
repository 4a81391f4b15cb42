/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/syscalls.md: the system-call table, as a table for people. */
#include <stdio.h>

int main(void)
{
    int count = 0;

    puts(
        "# System calls\n\n"
        "Made by `make docs` from `sentry/syscall/syscalls.def`; do not edit. A number that is\n"
        "not here gives `ENOSYS`.\n\n"
        "| number | call | support | follows | what differs |\n"
        "|---|---|---|---|---|");
#define SYSCALL(nr, name, support, source, note, ...) \
    printf("| %d | `%s` | %s | %s | %s |\n", nr, #name, #support, source, note), count++;
#include "sentry/syscall/syscalls.def"
    printf("\n%d calls.\n", count);
    return 0;
}
