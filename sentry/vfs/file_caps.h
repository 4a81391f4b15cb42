/* SPDX-License-Identifier: Apache-2.0 */
/*
 * security.capability: what a program gains from its file, and in which user namespaces.
 *
 * A value of version 3 names a user; it counts where he is root, and in all namespaces
 * below. One of version 2 counts for the sandbox's own root, that is, everywhere; so it
 * is written by those alone who are privileged there. What others write becomes version 3,
 * for the root of their own namespace; and each reader is shown what it is to him.
 *
 *   source    capabilities(7), "File capability extended attribute versioning";
 *             security/commoncap.c, Linux 6.6: cap_convert_nscap(), cap_inode_getsecurity()
 */
#pragma once

#include <linux/capability.h>

#include "sentry/core/cred.h"
#include "sentry/vfs/inode.h"

#define FILE_CAPS_NAME "security.capability"

struct file_caps {
    bool effective;
    uint32_t root; /* kernel id: it counts in his namespaces */
    uint64_t permitted, inheritable;
};

/* Errors: EINVAL where it is neither of version 2 nor of 3. */
must_use int file_caps_decode(const void *value, size_t size, struct file_caps *out);
/* Does it count in `ns`? */
bool file_caps_count(const struct file_caps *f, const struct user_ns *ns);

/*
 * What is stored where `c` sets the attribute of `i` to `value`.
 *
 *   returns   its size in `out`
 *   errors    EINVAL for no such value; EPERM; EINVAL for a root that the writer's namespace does
 *             not know
 */
must_use ssize_t file_caps_to_store(const struct inode *i, const struct cred *c, const void *value,
                                    size_t size, struct vfs_ns_cap_data *out);

/*
 * The attribute as seen from `ns`.
 *
 *   returns   its size in `out`
 *   errors    EOVERFLOW where it is for a namespace that is none of the reader's; EINVAL for an
 *             odd one; EOPNOTSUPP; the file system's
 */
must_use ssize_t file_caps_to_show(struct inode *i, const struct user_ns *ns,
                                   struct vfs_ns_cap_data *out);
