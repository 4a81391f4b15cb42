/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tree over others: changes go to the upper one, what is below stays as it is.
 *
 *   source    Documentation/filesystems/overlayfs.rst; the marks on the upper tree
 *             (whiteouts, trusted.overlay.opaque, trusted.overlay.redirect) are its own
 */
#pragma once

#include "sentry/vfs/file.h"

/*
 * As fs_type.create: lowerdir=a:b, upperdir=, workdir=. Without an upper tree it is
 * read-only. Options of Linux that change nothing here are accepted (index, xino,
 * metacopy=off, redirect_dir=on, volatile, userxattr).
 *
 *   errors    EINVAL, also where the upper tree cannot hold whiteouts (the host's, through a
 *             gofer), and for an overlay over an overlay over an overlay; ENOENT, ENOTDIR of
 *             the paths; ELOOP past 16 lower trees; ENOMEM
 */
must_use int overlay_create(struct arena *a, const char *source, const char *options,
                            const struct actor *who, struct dentry **out);

/*
 * A tree that can be changed and thrown away: `lower` under a new tmpfs.
 *
 *   lower     a directory: taken
 *   options   of the tmpfs (size=…); NULL is none
 *   out       the root, given
 *   errors    ENOMEM; EINVAL for the options
 */
must_use int overlay_create_discardable(struct dentry *lower, const char *options,
                                        const struct actor *who, struct dentry **out);
