/* SPDX-License-Identifier: Apache-2.0 */
/* runsc syscalls: the sentry knows its table, so it prints it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runsc/cmd.h"
#include "runsc/sandbox.h"

int cmd_syscalls(char *const argv[], struct err *e)
{
    char program[PATH_MAX];

    if (argv[1] && strcmp(argv[1], "--help") == 0) {
        printf(
            "usage: runsc syscalls\n\nLists the system calls that a program in a sandbox has.\n");
        return 0;
    }
    if (argv[1]) {
        err_set(e, -EINVAL, "syscalls takes no arguments");
        return EXIT_OURS;
    }
    if (sandbox_program("runsc-sentry", program, sizeof program, e))
        return EXIT_OURS;
    execv(program, (char *const[]){ program, (char *)"--syscalls", NULL });
    err_set(e, -errno, "%s: %s", program, strerror(errno));
    return EXIT_OURS;
}
