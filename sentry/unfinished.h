/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that are on their way: declared here until their own headers are there. */
#pragma once

#include "sentry/vfs/dentry.h"
#include "sentry/vfs/file.h"

must_use int overlay_create(struct arena *a, struct dentry *lower, struct dentry *upper,
                            const struct actor *who, struct dentry **out);
