/* SPDX-License-Identifier: Apache-2.0 */
/* What a gofer is told on its command line: see main.c. */
#pragma once

#include "include/gofer_wire.h"

struct tree_option {
    const char *path;
    uint32_t flags; /* GOFER_TREE_* */
    int fd;         /* a mount that hangs nowhere, to be exported in its place; 0: none */
};

struct gofer_options {
    struct tree_option trees[GOFER_TREES_MAX];
    uint32_t ntrees;
    uint32_t uid, gid; /* what the caller's own ids are called inside */
    int log_fd;
    int log_level;
    bool weak_ok; /* go on where the host refuses namespaces, if something else confines us */
};

/*
 * Reads the arguments.
 *
 *   why       a sentence for a person where they are wrong
 *   errors    EINVAL
 */
must_use int gofer_options_parse(int argc, char **argv, struct gofer_options *out,
                                 const char **why);
