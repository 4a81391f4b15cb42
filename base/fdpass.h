/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes with descriptors over a Unix socket. */
#pragma once

#include <sys/types.h>

#include "base/cc.h"

#define FDPASS_MAX 253 /* SCM_MAX_FD: as many as Linux sends at once */

struct ucred;

/*
 * Sends `size` bytes, at least one, and `count` descriptors with them.
 *
 *   fds       borrowed: the caller still closes them
 *   returns   bytes sent, or -errno
 *   errors    those of sendmsg(2); EINVAL where size is 0 or count above FDPASS_MAX
 */
must_use ssize_t fd_send(int sock, const void *buf, size_t size, const int *fds, size_t count);

/*
 * Receives bytes, and the descriptors that come with them. What does not fit is
 * not dropped in silence: all received descriptors are closed, and the error tells.
 *
 *   fds, max  room for descriptors; given: the caller closes them
 *   count     how many came; 0 after a failure
 *   cred      who sent, or NULL; the socket must have SO_PASSCRED
 *   returns   bytes received, 0 at the end, or -errno
 *   errors    those of recvmsg(2); EMSGSIZE where bytes, descriptors or credentials were
 *             cut off, also for want of a free descriptor: then `buf` has the bytes that
 *             came, and the rest of it is as it was; EPROTO where control data of another
 *             kind came, or no credentials did
 */
must_use ssize_t fd_recv(int sock, void *buf, size_t size, int *fds, size_t max, size_t *count,
                         struct ucred *cred);
