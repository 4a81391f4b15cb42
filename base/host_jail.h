/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the host that only a process makes which is not jailed yet: they have no
 * row in hostcalls.def, and are out of reach once its filter stands. As in host.h:
 * -errno, close-on-exec, nothing is retried.
 */
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include "base/cc.h"

struct mount_attr;

/* Who we are */

uid_t host_geteuid(void);
gid_t host_getegid(void);
mode_t host_umask(mode_t mask);
must_use int host_prctl(int option, unsigned long arg);
must_use int host_getrlimit(int which, struct rlimit *out);
must_use int host_setrlimit(int which, const struct rlimit *limit);
/*
 * Raises RLIMIT_NOFILE as far as we may.
 *
 *   returns   how many descriptors we can have from now on
 */
uint64_t host_raise_nofile(void);
/* All three sets, bits by capability number; `permitted` and `effective` are the same. */
must_use int host_capset(uint64_t permitted, uint64_t inheritable);
must_use int host_capget(uint64_t *permitted);
must_use int host_close_range(unsigned first, unsigned last);

/* Files and mounts, by path */

must_use int host_open(int dirfd, const char *path, int flags);
must_use int host_fchdir(int fd);
must_use int host_chdir(const char *path);
must_use int host_unshare(int flags);
/* open_tree(2), move_mount(2), mount_setattr(2) */
must_use int host_open_tree(int dirfd, const char *path, unsigned flags);
must_use int host_move_mount(int from, const char *from_path, int to, const char *to_path,
                             unsigned flags);
must_use int host_mount_setattr(int dirfd, const char *path, unsigned flags,
                                const struct mount_attr *attr);
/* A new file system without a place: its mount. */
must_use int host_fsmount_new(const char *type, const char *mode);
must_use int host_pivot_root(const char *new_root, const char *put_old);
must_use int host_umount2(const char *path, int flags);

/* Landlock */

/* The version the host has: 0 none, or -errno. */
int host_landlock_abi(void);
must_use int host_landlock_create(const void *attr, size_t size);
must_use int host_landlock_allow(int ruleset, int dirfd, uint64_t access);
must_use int host_landlock_restrict(int ruleset);
