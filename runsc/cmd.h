/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: each in cmd_<name>.c, each a row of the table in main.c. */
#pragma once

#include "runsc/err.h"

#define EXIT_TIMEOUT   124 /* as timeout(1) */
#define EXIT_OURS      125 /* we failed; the guest never ran or we lost it */
#define EXIT_NOT_FOUND 127 /* as a shell: there is no such program */
#define EXIT_NOT_EXEC  126 /* the command cannot be executed */
#define EXIT_NOT_FOUND 127 /* there is no such command */
#define EXIT_SIGNAL    128 /* + n: killed by signal n */

/*
 * argv[0] is the command's name.
 *
 *   returns   what runsc exits with; where `e` was set, its words are printed first
 */
int cmd_do(char *const argv[], struct err *e);
int cmd_doctor(char *const argv[], struct err *e);
int cmd_syscalls(char *const argv[], struct err *e);
int cmd_help(char *const argv[], struct err *e);

/* On containers: what engines call. They exit with 1 where they fail, as runc does. */
int cmd_create(char *const argv[], struct err *e);
int cmd_start(char *const argv[], struct err *e);
int cmd_run(char *const argv[], struct err *e);
int cmd_state(char *const argv[], struct err *e);
int cmd_kill(char *const argv[], struct err *e);
int cmd_delete(char *const argv[], struct err *e);
int cmd_exec(char *const argv[], struct err *e);
int cmd_list(char *const argv[], struct err *e);
int cmd_ps(char *const argv[], struct err *e);
int cmd_pause(char *const argv[], struct err *e);
int cmd_resume(char *const argv[], struct err *e);
int cmd_update(char *const argv[], struct err *e);
int cmd_events(char *const argv[], struct err *e);
int cmd_wait(char *const argv[], struct err *e);
int cmd_spec(char *const argv[], struct err *e);
int cmd_features(char *const argv[], struct err *e);
/* Tell the host's engines about us, and take it back. */
int cmd_install(char *const argv[], struct err *e);
int cmd_uninstall(char *const argv[], struct err *e);
int cmd_checkpoint(char *const argv[], struct err *e);
int cmd_restore(char *const argv[], struct err *e);
