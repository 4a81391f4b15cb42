/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes: files of the host that are held for the sentry, by number.
 *
 * A node is an O_PATH descriptor, so it follows its file through renames and
 * cannot be swapped for another, and what may be done with it. Handles carry a
 * generation: one that was given back is not mistaken for its successor.
 */
#pragma once

#include "base/cc.h"
#include "include/gofer_wire.h"

struct gofer;

/*
 * One of our own ids. Our user namespace may number it otherwise than the guest does: its
 * number for ids that it does not have must not be ours.
 */
struct own_id {
    uint32_t here, shown;
};
#define OWN_ID_OVERFLOW 65534u /* Linux's default, which nobody changes */

struct node {
    int fd;              /* O_PATH; -1 where the place is free */
    int dir_fd;          /* while a directory is being read, else -1 */
    uint64_t dir_cookie; /* where dir_fd stands */
    uint32_t generation;
    uint32_t type; /* S_IFMT of its mode */
    uint32_t next_free;
    uint8_t tree;
    bool masked; /* a directory of a kernel file system: shown as empty */
};

struct nodes {
    struct node *all; /* `max` of them; memory is used as they are */
    uint32_t max, used,
        free; /* `used`: places that were ever taken; `free`: the first free one, or `max` */
    uint32_t live;
};

/* What an operation wants of a node. */
enum node_need {
    NODE_DIR = 1, /* ENOTDIR else */
    NODE_REG =
        2, /* EISDIR for directories, ENXIO for devices, FIFOs and sockets, ELOOP for links */
    NODE_LINK = 4,    /* EINVAL else */
    NODE_WRITE = 8,   /* EROFS where the tree is read-only */
    NODE_MASKED = 16, /* masked ones are fine, too; EACCES else */
};

must_use int nodes_create(uint32_t max, struct nodes *out);
/* Closes everything. */
void nodes_destroy(struct nodes *n);

/*
 * The node behind a handle: borrowed until the next clunk.
 *
 *   need      enum node_need
 *   errors    ESTALE where there is none; else as enum node_need says
 */
must_use int node_get(struct gofer *g, gofer_handle_t h, unsigned need, struct node **out);

/*
 * Makes a node.
 *
 *   fd        taken, even on failure
 *   attr      of `fd`, as node_stat() gives it
 *   errors    EMFILE; EACCES for what belongs to a kernel file system but is no directory
 */
must_use int node_add(struct gofer *g, int fd, uint8_t tree, const struct gofer_attr *attr,
                      bool masked, gofer_handle_t *out);

/*
 * Opens a name in a directory as it stands, links included, and says what it is.
 *
 *   dir       a masked one has nothing in it
 *   returns   an O_PATH descriptor (given), or -errno
 */
must_use int node_open_child(struct gofer *g, const struct node *dir, const char *name,
                             struct gofer_attr *attr, bool *masked);

/* The same, and makes a node of it. */
must_use int node_add_child(struct gofer *g, const struct node *dir, const char *name,
                            struct gofer_attr *attr, gofer_handle_t *out);

/* Forgets a node; an unknown handle is nothing. */
void node_clunk(struct gofer *g, gofer_handle_t h);

/* An id of the guest's as our user namespace numbers it; (uint32_t)-1 stays. */
uint32_t node_owner(const struct gofer *g, uint32_t id, struct own_id own);
/*
 * May something in the tree of `n` belong to them? (uint32_t)-1 always may.
 * Errors: EOVERFLOW, as of an id-mapped mount where the id has no number.
 */
must_use int node_may_own(const struct gofer *g, const struct node *n, uint32_t uid, uint32_t gid);

/*
 * The attributes of what is open at `fd`.
 *
 *   masked    set where it is the root of a mount of a kernel file system (procfs, sysfs,
 *             devices, cgroups, …): those are not shown. NULL: not asked
 */
must_use int node_stat(const struct gofer *g, int fd, struct gofer_attr *out, bool *masked);

/* The same for a name in a directory; EXDEV where something is mounted there. */
must_use int node_stat_at(const struct gofer *g, int dir, const char *name, struct gofer_attr *out);

/* Is a file system of this type (statfs(2)) a window into the host's kernel, not files? */
bool node_is_kernel_fs(long type);

#define NODE_PATH_SIZE 32

/* A path, for calls that take no O_PATH descriptor, to what `fd` is open on. Gives `buf`. */
const char *node_path(const struct gofer *g, int fd, char buf[NODE_PATH_SIZE]);

/* Opens what `fd` (O_PATH) is open on for real. `flags` as of open(2). */
must_use int node_reopen(const struct gofer *g, int fd, int flags, uint32_t mode);
