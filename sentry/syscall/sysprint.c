/* SPDX-License-Identifier: Apache-2.0 */
/* The support table of `runsc syscalls`. */
#include "sentry/syscall/sysprint.h"

#include <stdio.h>

#include "sentry/syscall/syscalls.h"
#include "sentry/syscall/trace.h"

int syscalls_print(void)
{
    static const char *const support[] = { "yes", "partly", "no" };
    unsigned counts[3] = { 0 };

    for (unsigned nr = 0; nr < SYSCALL_COUNT; nr++) {
        const struct sysent *e = sysent_get(nr);

        if (!e)
            continue;
        counts[e->support]++;
        printf("%3u  %-24s %-7s %s%s%s\n", nr, e->name, support[e->support],
               e->support == SYS_NONE ? errno_name(-e->refusal) : "",
               e->support == SYS_NONE && e->note[0] ? ": " : "", e->note);
    }
    printf("%u whole, %u in part, %u refused; any other number gives ENOSYS\n", counts[SYS_FULL],
           counts[SYS_PARTIAL], counts[SYS_NONE]);
    return 0;
}
