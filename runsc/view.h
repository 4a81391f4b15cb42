/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sandbox sees of the host's files: which trees the gofer exports, and
 * where the sentry mounts what.
 *
 * Flags name paths in any order; the most specific path wins, because mounts are
 * made from the shallowest to the deepest.
 */
#pragma once

#include "runsc/err.h"
#include "runsc/host_mount.h"
#include "sentry/options.h"

/* A tree of the host that the gofer exports under its index. */
struct view_tree {
    char *path; /* absolute, real */
    bool writable;
    bool exclusive;       /* nobody else is expected to change it while we run */
    bool connect;         /* the host's sockets in it may be connected to */
    bool alone;           /* without what is mounted below it */
    bool no_uid;          /* nothing in it may belong to who the gofer is, */
    bool no_gid;          /* or to its group */
    struct host_mount of; /* owned: the file system it is of, where somebody has looked */
    int mount; /* what is exported in place of `path`: owned, detached (tree.h). 0: nothing */
};

struct view {
    struct option_mount mounts[OPTIONS_MOUNTS_MAX];
    bool by_user[OPTIONS_MOUNTS_MAX]; /* a flag asked for it */
    uint32_t nmounts;
    struct view_tree trees[OPTIONS_MOUNTS_MAX];
    uint32_t ntrees;
};

/* How a flag wants a path to be seen. */
enum view_mode { VIEW_RO, VIEW_RW, VIEW_OVERLAY, VIEW_TMP, VIEW_HIDE };

/*
 * Adds what a flag asks for.
 *
 *   spec      "PATH" or "HOST:GUEST"; only GUEST for VIEW_TMP and VIEW_HIDE
 *   flag      for the words
 *   errors    ENOENT, EINVAL, E2BIG, with words
 */
must_use int view_add(struct view *v, enum view_mode mode, const char *spec, const char *flag,
                      struct err *e);

/*
 * Adds what every sandbox has, where no flag said otherwise, and puts all in order.
 *
 *   rootfs    the host directory that becomes "/"
 *   cwd       stays visible even where a default would hide it; NULL: need not
 */
must_use int view_finish(struct view *v, const char *rootfs, const char *cwd, struct err *e);

void view_free(struct view *v);

/* ---- for who says everything himself: oci_view.c ---- */

/* Exports a tree: its number. `path` is taken: absolute, real. */
uint32_t view_export(struct view *v, struct view_tree tree);
/* Adds a mount behind all others. `m.target` is taken, whatever comes of it. Errors: E2BIG with
 * words. */
must_use int view_mount(struct view *v, struct option_mount m, struct err *e);
/* "/a//b/./c/" → "/a/b/c": given. NULL where it is relative, or has ".." in it. */
char *view_clean_path(const char *path);
