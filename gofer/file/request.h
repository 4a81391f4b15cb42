/* SPDX-License-Identifier: Apache-2.0 */
/* One request: bytes in, what was asked, bytes out. */
#pragma once

#include "gofer/file/gofer.h"

struct request {
    struct wire_reader in;  /* arguments: the private copy */
    struct wire_writer out; /* results, behind the reply's head */
    int gift;               /* a descriptor to donate, -1: none; closed by whoever sends it */
};

/*
 * Does what `size` bytes ask for and writes the reply. This is the parser that all
 * hostile bytes go through.
 *
 *   in        the private copy of a request
 *   out       GOFER_BODY_SIZE bytes; written, never read
 *   gift      a descriptor to send before the reply (given), or -1
 *   returns   bytes of the reply
 */
size_t gofer_answer(struct gofer *g, const void *in, size_t size, void *out, int *gift);

/*
 * One for each operation: reads its arguments, then does it.
 *
 *   returns   the reply's result: 0, a length, or -errno (what is in `out` is then dropped)
 */
typedef int op_fn(struct gofer *g, struct request *q);

op_fn op_nop, op_attach, op_walk;                             /* walk.c */
op_fn op_getattr, op_setattr, op_statfs, op_fsync;            /* attr.c */
op_fn op_open, op_make, op_tmpfile, op_connect;               /* open.c, make.c */
op_fn op_link, op_unlink, op_rename, op_readlink;             /* name.c */
op_fn op_readdir;                                             /* dir.c */
op_fn op_getxattr, op_setxattr, op_listxattr, op_removexattr; /* xattr.c */

/* A node by the handle that stands next in the request; `need` as of node_get(). */
must_use int request_node(struct gofer *g, struct request *q, unsigned need, struct node **out);

/*
 * A name of one entry: 1 to GOFER_NAME_MAX bytes, no slash, not "." or "..".
 * After a failure it is empty and the request fails as malformed.
 */
void request_name(struct request *q, char out[GOFER_NAME_MAX + 1]);
/* The same, or "" for none. */
void request_name_or_none(struct request *q, char out[GOFER_NAME_MAX + 1]);

/* open(2)'s access mode for GOFER_OPEN_*. Errors: EPROTO. */
must_use int open_flags_of(uint32_t access, int *out);

/* Whether all arguments were there, and nothing else. */
static inline must_use bool request_done(struct request *q)
{
    return wire_reader_done(&q->in);
}
