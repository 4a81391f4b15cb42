/* SPDX-License-Identifier: Apache-2.0 */
/* What the file systems and small files of this folder keep for a whole sandbox. */
#pragma once

#include "sentry/core/arena.h"

/*
 * Makes the state at ROOT_FS, and tells vfs how to open devices and FIFOs. Once, after
 * vfs_create().
 * Errors: ENOMEM.
 */
must_use int fs_create(struct arena *a);
void fs_destroy(struct arena *a);
