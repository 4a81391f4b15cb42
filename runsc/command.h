/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on containers share: the flags that all take, and the container they name. */
#pragma once

#include "runsc/container.h"
#include "runsc/flags.h"
#include "runsc/report.h"

#define COMMAND_WORDS 2 /* as many as a command takes whose words are counted */

/* First in every command's request, so that the flags below find it. */
struct command {
    const char *root; /* where states are kept; NULL: the usual place */
    const char *platform;
    struct report_options report;
    bool systemd_cgroup, help;
    char *words[COMMAND_WORDS + 2]; /* those that are no flags, wherever they stood */
};

int command_take_root(void *into, const char *value, struct err *e);
int command_take_log(void *into, const char *value, struct err *e);
int command_take_format(void *into, const char *value, struct err *e);
int command_take_debug(void *into, const char *value, struct err *e);
int command_take_systemd(void *into, const char *value, struct err *e);
int command_take_platform(void *into, const char *value, struct err *e);
int command_take_help(void *into, const char *value, struct err *e);
/* For flags of others that mean nothing here. */
int command_take_nothing(void *into, const char *value, struct err *e);

/* --preserve-fds: how many, each of which must be there. Errors: EINVAL, EBADF with words. */
must_use int command_preserved(const char *value, unsigned *out, struct err *e);

/* clang-format off */
#define COMMAND_FLAGS \
    { "root",           0,   "DIR",    "where the states of containers are kept", command_take_root, false }, \
    { "log",            0,   "FILE",   "where warnings and errors go, too", command_take_log, false }, \
    { "log-format",     0,   "FORMAT", "text or json", command_take_format, false }, \
    { "debug",          0,   NULL,     "say more in the log", command_take_debug, false }, \
    { "systemd-cgroup", 0,   NULL,     "cgroupsPath is slice:prefix:name", command_take_systemd, false }, \
    { "platform",       0,   "NAME",   "systrap, ptrace, or auto", command_take_platform, false }, \
    { "rootless",       0,   "WHETHER", "accepted; we find out", command_take_nothing, false }, \
    { "criu",           0,   "PATH",   "accepted; has no meaning here", command_take_nothing, false }, \
    { "help",           'h', NULL,     "this text", command_take_help, false }
/* clang-format on */

#define EXIT_FAILED 1 /* as runc's */

/*
 * Parses, opens the log, and answers --help.
 *
 *   usage     one line behind "usage: runsc "
 *   least, most   how many words are to be left over; most < 0: any number, and what stands behind
 *                 the first is not ours. Else flags may stand behind words, too
 *   rest      the first of them
 *   returns   0; 1 where --help was answered; -errno with words
 */
must_use int command_parse(const struct flag *flags, size_t n, char *const argv[], void *into,
                           const char *usage, int least, int most, char *const **rest,
                           struct err *e);

/* Whether we are the host's root: that of a user namespace is nobody outside, and may not write to
 * /run. */
bool command_is_real_root(void);

/* The usual place of states: /run/runsc, or in $XDG_RUNTIME_DIR for who is not root. */
const char *command_root(const struct command *c);

/*
 * main()'s words in the order that commands want: flags that stand before the command
 * move behind it. Given: free().
 */
char **command_order(char *const argv[]);

/* A signal by number or name: "9", "KILL", "SIGKILL", "RTMIN+3". Errors: EINVAL. */
must_use int command_signal(const char *text, int *out, struct err *e);
