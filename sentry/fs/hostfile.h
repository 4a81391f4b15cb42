/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are the host's own: stdin, stdout and stderr that are no terminal of the
 * sandbox, and what else runsc or the gofer hands in: pipes, sockets, regular files,
 * /dev/null.
 */
#pragma once

#include "sentry/vfs/file.h"

/*
 * Makes a file of a host descriptor.
 *
 *   fd        taken, even on failure; its flags are left alone, for it is shared with others
 *   cred      of whoever has it open: borrowed
 *   out       given
 *   errors    ENOMEM, EMFILE
 *
 * Needs hostpoll_create(); both before the sentry's own filter.
 */
must_use int hostfile_create(struct arena *a, int fd, const struct cred *cred, struct file **out);
