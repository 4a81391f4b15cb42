/* SPDX-License-Identifier: Apache-2.0 */
/* /sys: the processors, the interfaces, and the few settings that programs look for. */
#pragma once

#include "sentry/vfs/mount.h"

/* As fs_type.create; knows no options. Errors: EINVAL, ENOMEM. */
must_use int sysfs_create(struct arena *a, const char *source, const char *options,
                          const struct actor *who, struct dentry **out);
