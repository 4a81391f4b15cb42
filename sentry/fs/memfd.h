/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2): a file in memory that no name leads to. */
#pragma once

#include "sentry/vfs/file.h"

/*
 *   name      shown in /proc/PID/fd, after "/memfd:"; at most 249 bytes
 *   flags     MFD_* that were checked
 *   out       given
 *   errors    ENOMEM, ENOSPC
 */
must_use int memfd_create_file(const struct actor *who, const char *name, unsigned flags,
                               struct file **out);
