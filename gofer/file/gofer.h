/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object that owns all of a file gofer: its trees, the nodes it holds for the
 * sentry, the ring. One thread; no locks.
 */
#pragma once

#include "gofer/file/node.h"
#include "include/gofer_wire.h"

/* A part of the host's files that the sentry may have. */
struct tree {
    int root;       /* O_PATH */
    uint32_t flags; /* GOFER_TREE_* */
};

struct gofer {
    struct tree trees[GOFER_TREES_MAX];
    uint32_t ntrees;
    struct nodes nodes;
    /*
     * Put before a descriptor's number, it is a path to what is open there:
     * "/proc/self/fd/", or "" where that directory is the working directory.
     */
    const char *fd_prefix;
    /*
     * Owners that have no number in our user namespace are said to be root. Right
     * where the namespace has one id only: then everything that is not ours is the
     * system's, and a guest that saw /usr/bin/sudo or /etc owned by "nobody" would
     * refuse it (sudo, sshd, tar and dpkg all do).
     */
    bool overflow_is_root;
    struct own_id uid, gid;  /* where overflow_is_root: ours */
    int sock;                /* to the sentry; -1 in a test without one */
    struct gofer_ring *ring; /* shared with the sentry */
    uint8_t *request;        /* GOFER_BODY_SIZE bytes: the private copy */
};

/*
 * A gofer without trees.
 *
 *   sock      borrowed; -1: requests come by gofer_answer() only
 *   handles   how many nodes it holds at most
 *   errors    ENOMEM, EMFILE
 */
must_use int gofer_create(int sock, uint32_t handles, struct gofer *out);
void gofer_destroy(struct gofer *g);

/* Exports what `root` (O_PATH, taken) is open on. Errors: ENOSPC past GOFER_TREES_MAX. */
must_use int gofer_add_tree(struct gofer *g, int root, uint32_t flags);
