/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of the host's that are made for a container and hang nowhere: only its gofer will
 * see what is in them. They go with the last descriptor of them.
 *
 *   source    mount_setattr(2), open_tree(2)
 */
#pragma once

#include "runsc/err.h"
#include "runsc/id_map.h"

/* How a tree's owners are to be called. */
struct tree_ids {
    const struct id_maps *maps; /* NULL: as in the user namespace at `ns` */
    const char *ns;
    bool below; /* also of what is mounted below it */
    /* Who the gofer will be, by number here. */
    uint32_t uid, gid;
    /* Out: he is not among them, and may not be given files, though he makes them. */
    bool no_uid, no_gid;
};

/*
 * A copy of the mount at `path` where owners have other ids. The host's kernel does it, so it
 * holds for whatever asks of owners, and in user namespaces, too.
 *
 *   all       with what is mounted below
 *   out       a descriptor: given
 *   errors    with words: EINVAL where the file system cannot, EPERM
 */
must_use int tree_idmapped(const char *path, bool all, struct tree_ids *ids, int *out,
                           struct err *e);

/*
 * An overlay, as mount(2) makes it.
 *
 *   options   lowerdir=, upperdir=, workdir= …
 *   at        a directory that is there: it is left as it is
 *   out       a descriptor: given
 *   errors    with words
 */
must_use int tree_overlay(const char *options, const char *at, int *out, struct err *e);
