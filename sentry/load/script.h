/* SPDX-License-Identifier: Apache-2.0 */
/* The `#!` line of a script. */
#pragma once

#include "base/cc.h"

/* Both point into the bytes that were parsed, which get NULs behind them. */
struct script {
    char *interpreter;
    char *argument; /* all that follows it on the line; NULL where nothing does */
};

/*
 * Splits the line as Linux does: one interpreter, at most one argument, no quoting.
 *
 *   head      the first `size` bytes of the file, zeroes where it is shorter; changed
 *   errors    ENOEXEC where it is no script, names no interpreter, or its name is cut short
 *   source    execve(2), "Interpreter scripts"; fs/binfmt_script.c
 */
must_use int script_parse(char *head, size_t size, struct script *out);
