/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages of the jail hand to each other. */
#pragma once

#include "gofer/file/jail.h"

struct jail {
    const struct gofer_options *options;
    struct gofer *gofer;
    bool user_ns;  /* we have a user namespace of our own, with one id */
    bool mount_ns; /* and a root of our own */
    bool landlock;
    int roots[GOFER_TREES_MAX]; /* O_PATH, by tree */
};

/*
 * Stage "root", in jail_mounts.c: the trees, and our own /proc/self/fd, alone in a new
 * root. Sets j->roots and the gofer's fd_prefix; the working directory becomes
 * /proc/self/fd.
 */
must_use int jail_mounts(struct jail *j);

/* Stage "landlock", in jail_landlock.c. Gives 1 where it stands, 0 where the host has none. */
must_use int jail_landlock(struct jail *j);
