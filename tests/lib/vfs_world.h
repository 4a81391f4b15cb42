/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of files start from: a tmpfs as root, root and an ordinary user, a clock that is ours.
 */
#pragma once

#include "base/clock.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/mount.h"
#include "sentry/vfs/vfs.h"
#include "sentry/vfs/walk.h"
#include "tests/lib/mm_world.h"

#define USER_ID 1000u

struct vfs_world {
    struct mm_world mm;
    struct virtual_clock clock;
    struct cred *root_cred, *user_cred;
    struct user_ns *user_ns;
    struct mnt_ns *ns;
    struct fs_context *fs;
    struct actor root, user;
};

/* Ends the test where something fails. */
void vfs_world_start(struct vfs_world *w);
/* Asserts that nothing is left. */
void vfs_world_stop(struct vfs_world *w);

/* open(2) as `who`: 0 or -errno; the file in *out. */
int world_open(const struct actor *who, const char *name, int flags, uint32_t mode,
               struct file **out);
/* The same, and closes it at once. */
int world_touch(const struct actor *who, const char *name, int flags, uint32_t mode);
/* stat(2), or lstat(2) with `follow` false. */
int world_stat(const struct actor *who, const char *name, bool follow, struct attr *out);
/* Writes or reads at a position. */
ssize_t world_pwrite(const struct actor *who, struct file *f, const void *buf, size_t size,
                     uint64_t at);
ssize_t world_pread(struct file *f, void *buf, size_t size, uint64_t at);
/* A file with that text. */
void world_put(const struct actor *who, const char *name, const char *text);
/* Its text in `buf`; what it gives. */
ssize_t world_get(const struct actor *who, const char *name, char *buf, size_t size);
int world_chmod(const struct actor *who, const char *name, uint32_t mode);
int world_chown(const struct actor *who, const char *name, uint32_t uid, uint32_t gid);
int world_truncate(const struct actor *who, const char *name, uint64_t size);
/* The names of a directory, sorted, with a blank between: "a b c". */
int world_list(const struct actor *who, const char *name, char *buf, size_t size);
/* mount(2) of a type that is given as its create function. */
int world_mount(const struct actor *who, const char *at, struct dentry *root, unsigned long flags);
