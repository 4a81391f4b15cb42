/* SPDX-License-Identifier: Apache-2.0 */
/* runsc: runs programs in a sandbox. A command is a row of the table. */
#include <stdio.h>
#include <string.h>

#include "runsc/cmd.h"
#include "runsc/version.h"

static const struct command {
    const char *name;
    int (*run)(char *const argv[], struct err *e);
    const char *help;
} commands[] = {
    {"do",        cmd_do,       "run one program in a sandbox of its own"                   },
    { "doctor",   cmd_doctor,   "say what this host allows, and which platform will be used"},
    { "syscalls", cmd_syscalls, "list the system calls that a guest has"                    },
    { "help",     cmd_help,     "say how a command is used"                                 },
};

int cmd_help(char *const argv[], struct err *e)
{
    if (argv[1]) {
        for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
            char *const ask[] = { argv[1], (char *)"--help", NULL };

            if (strcmp(commands[i].name, argv[1]) == 0 && commands[i].run != cmd_help)
                return commands[i].run(ask, e);
        }
        err_set(e, -1, "there is no command \"%s\"; `runsc help` lists them", argv[1]);
        return EXIT_OURS;
    }
    printf("runsc " RUNSC_VERSION
           ": a user-space kernel that runs untrusted programs\n\n"
           "usage: runsc COMMAND [FLAGS] …\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    printf(
        "\nfor example: runsc do -- bash\n"
        "             runsc help do\n");
    return 0;
}

static int run(char *const argv[], struct err *e)
{
    if (!argv[0] || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        return cmd_help((char *[]){ (char *)"help", NULL }, e);
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-v") == 0) {
        printf("runsc version " RUNSC_VERSION "\n");
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            return commands[i].run(argv, e);
    err_set(e, -1, "there is no command \"%s\"; `runsc help` lists them", argv[0]);
    return EXIT_OURS;
}

int main(int argc, char *argv[])
{
    struct err e = { 0 };

    (void)argc;
    int status = run(argv + 1, &e);
    if (e.code)
        fprintf(stderr, "runsc: %s\n", e.text);
    return status;
}
