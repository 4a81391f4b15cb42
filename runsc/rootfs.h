/* SPDX-License-Identifier: Apache-2.0 */
/* The container's files as the host sees them in the mount namespace of its process. */
#pragma once

#include "runsc/err.h"
#include "runsc/view.h"

/*
 * Makes the container's root the calling process's own, with its bind mounts in it, so that
 * an engine that joins the mount namespace finds what the guest sees. The guest itself has
 * its files from the gofer, and nothing of this.
 *
 *   must      be in a mount namespace of our own; the gofer has taken its trees
 *   proc      mount a procfs of our pid namespace, where that works
 *   errors    with words
 */
must_use int rootfs_enter(const char *rootfs, const struct view *v, bool proc, struct err *e);

/*
 * The same where the container has no mount namespace of its own: that one is entered, and
 * left as it is, so that there are no bind mounts.
 *
 *   mnt_ns    taken
 *   errors    EPERM where we have not the rights for it; with words
 */
must_use int rootfs_join(int mnt_ns, const char *rootfs, struct err *e);
