/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's files, by way of the gofer: a file system for each tree that it
 * exports.
 *
 * Reads, writes and maps of a regular file go straight to the host, through a
 * descriptor that the gofer donated; the gofer is asked for names, attributes, and
 * the first open of a file. What it said is kept: for an exclusive tree until the
 * sentry itself changes it, for a shared one until the next look at the name.
 */
#pragma once

#include "sentry/vfs/dentry.h"

struct gofer_client;

/*
 * Attaches a tree.
 *
 *   client    whose tree: referenced; NULL: that of the gofer_client at HOST_GOFER
 *   tree      its number; it may be a single file, then so is the root
 *   exclusive nobody but us changes it, whatever the gofer was told
 *   out       given: mount_attach() and mnt_ns_create() take it
 *   errors    those of gofer_attach(); ENOMEM
 *   blocks    for the gofer
 */
must_use int gofer_fs_create(struct arena *a, struct gofer_client *client, uint32_t tree,
                             bool exclusive, struct dentry **out);

/*
 * A socket of the host, connected to the node that `inode` is: connect(2) on an
 * AF_UNIX path that no socket of the sandbox is bound to.
 *
 *   type      SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET
 *   out       a host descriptor, non-blocking: given
 *   errors    ECONNREFUSED where it is none, or its tree does not let; those of connect(2)
 */
must_use int gofer_fs_connect(struct inode *inode, int type, int *out);
