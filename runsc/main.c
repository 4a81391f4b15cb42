/* SPDX-License-Identifier: Apache-2.0 */
/* runsc: runs programs in a sandbox. A command is a row of the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runsc/cmd.h"
#include "runsc/command.h"
#include "runsc/report.h"
#include "runsc/version.h"

static const struct row {
    const char *name;
    int (*run)(char *const argv[], struct err *e);
    const char *help;
} commands[] = {
    {"do",          cmd_do,         "run one program in a sandbox of its own"                   },
    { "doctor",     cmd_doctor,     "say what this host allows, and which platform will be used"},
    { "syscalls",   cmd_syscalls,   "list the system calls that a guest has"                    },
    { "create",     cmd_create,     "make a container from a bundle"                            },
    { "start",      cmd_start,      "let a container that was made run"                         },
    { "run",        cmd_run,        "make a container, run it, and wait for its end"            },
    { "state",      cmd_state,      "print how a container is"                                  },
    { "kill",       cmd_kill,       "send a signal to a container"                              },
    { "delete",     cmd_delete,     "take a container away"                                     },
    { "exec",       cmd_exec,       "run another process in a container"                        },
    { "list",       cmd_list,       "list containers"                                           },
    { "ps",         cmd_ps,         "list the processes of a container, as the host has them"   },
    { "pause",      cmd_pause,      "halt all of a container"                                   },
    { "resume",     cmd_resume,     "let it go on"                                              },
    { "update",     cmd_update,     "change the limits of a container"                          },
    { "events",     cmd_events,     "print what a container uses"                               },
    { "wait",       cmd_wait,       "wait for the end of a container"                           },
    { "spec",       cmd_spec,       "write a config.json to begin with"                         },
    { "features",   cmd_features,   "print what there is of the OCI specification"              },
    { "install",    cmd_install,    "tell docker, podman and containerd about us"               },
    { "uninstall",  cmd_uninstall,  "take that back"                                            },
    { "checkpoint", cmd_checkpoint, "not there yet"                                             },
    { "restore",    cmd_restore,    "not there yet"                                             },
    { "help",       cmd_help,       "say how a command is used"                                 },
};

int cmd_help(char *const argv[], struct err *e)
{
    if (argv[1] && strcmp(argv[1], "help") != 0 && strcmp(argv[1], "--help") != 0) {
        for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
            char *const ask[] = { argv[1], (char *)"--help", NULL };

            if (strcmp(commands[i].name, argv[1]) == 0)
                return commands[i].run(ask, e);
        }
        err_set(e, -1, "there is no command \"%s\"; `runsc help` lists them", argv[1]);
        return EXIT_OURS;
    }
    printf("runsc " RUNSC_VERSION
           ": a user-space kernel that runs untrusted programs\n\n"
           "usage: runsc COMMAND [FLAGS] …\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].help);
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
    char **words = command_order(argv + 1);
    int status = run(words, &e);
    if (e.code)
        report_error(e.text);
    free(words);
    return status;
}
