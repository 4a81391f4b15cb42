#!/bin/sh
# Names each row of the system-call table that no guest test is for. Exit 1 where there
# is one. A test is for a call if its file is <call>_test.c, or if a line of it says so:
# covers: one, another
cd "$(dirname "$0")/../.." || exit 2
{
    ls tests/guest/*_test.c | sed 's,.*/\(.*\)_test\.c,tested \1,'
    # the list after "covers:", which may stand in a comment of one line or several
    sed -n 's,^[ /]*\*\{0\,1\} *covers: *\([a-z0-9_, ]*\).*,\1,p' tests/guest/*_test.c |
        tr ', ' '\n\n' | sed -n 's/^\(.\{1,\}\)$/tested \1/p'
    sed -n 's/^SYSCALL([0-9]*, *\([a-z0-9_]*\),.*/row \1/p' sentry/syscall/syscalls.def
} | awk '
    $1 == "tested" { tested[$2] = 1 }
    $1 == "row"    { row[++n] = $2; is_row[$2] = 1 }
    END {
        for (i = 1; i <= n; i++)
            if (!(row[i] in tested)) {
                print "no guest test: " row[i]
                missing++
            }
        printf "%d of %d system calls have a guest test\n", n - missing, n
        exit missing > 0
    }'
