/* SPDX-License-Identifier: Apache-2.0 */
/* The file systems that mount(2) and the start of a sandbox can make, by type. */
#pragma once

#include "sentry/vfs/mount.h"

/* Hands the table to vfs. */
void fstypes_register(struct arena *a);

/* A new file system's root, given. Errors: ENODEV where there is no such type; those of the type.
 */
must_use int fstype_create(struct arena *a, const char *type, const char *source,
                           const char *options, const struct actor *who, struct dentry **out);
