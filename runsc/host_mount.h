/* SPDX-License-Identifier: Apache-2.0 */
/* Which file system of the host a directory is of: what df(1) in a container shows. */
#pragma once

#include "base/cc.h"

/* All NULL where it is not known. */
struct host_mount {
    char *type, *source;
    char *root;    /* where it lies in that file system */
    char *options; /* of the file system, but for "rw" and paths of the host: ",a,b=c" */
};

/* Looks in /proc/self/mountinfo: host_mount_free(). */
void host_mount_find(const char *path, struct host_mount *out);
/* The options in a list that may be shown, as above: given. `paths`: those that are paths, too. */
char *host_mount_options(const char *list, bool paths);
void host_mount_free(struct host_mount *m);
