/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strings that a new program gets: its arguments and its environment, in
 * one block as they will stand on its stack.
 *
 *   source    execve(2), "Limits on size of arguments and environment"
 */
#pragma once

#include "sentry/core/arena.h"
#include "sentry/core/limits.h"
#include "sentry/mm/mm.h"

#define ARG_STRING_MAX 131072u /* MAX_ARG_STRLEN: bytes of one string with its NUL */

struct load_args {
    struct arena *arena;
    char *bytes;      /* arena: arguments, then environment, each with its NUL */
    size_t size;      /* bytes in use */
    size_t args_size; /* bytes of them that are arguments */
    uint32_t argc, envc;
    size_t limit; /* bytes that all strings may have, the filename too */
    size_t filename_size;
};

/*
 * Takes the strings out of a guest's memory.
 *
 *   argv, envp  arrays that end with a null pointer; a null address is an empty one
 *   filename    counts against the limit, as in Linux
 *   errors      EFAULT; E2BIG past a quarter of RLIMIT_STACK (at least 128 KiB, at most
 *               6 MiB), pointers included, or for a string past ARG_STRING_MAX; ENOMEM
 */
must_use int load_args_from_guest(struct load_args *a, struct arena *arena,
                                  const struct limits *limits, const char *filename, struct mm *mm,
                                  uptr_t argv, uptr_t envp);

/* The same out of the sentry's own memory: the first program of a container. */
must_use int load_args_from_sentry(struct load_args *a, struct arena *arena,
                                   const struct limits *limits, const char *filename,
                                   const char *const *argv, const char *const *envp);

/* Takes the first argument off. There always is one. */
void load_args_drop_first(struct load_args *a);

/* Puts a string before all others. Errors: E2BIG, ENOMEM. */
must_use int load_args_prepend(struct load_args *a, const char *s);

/* Fine on one that is all zero, too. */
void load_args_destroy(struct load_args *a);
