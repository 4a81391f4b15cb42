/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of the gofer's file system start from: memory, vfs, a gofer over a fresh
 * directory, mounted as the root, and somebody who may do anything.
 */
#pragma once

#include "gofer_pair.h"
#include "mm_world.h"
#include "sentry/vfs/mount.h"

struct gofer_world {
    struct mm_world mm;
    struct gofer_pair pair;
    struct mnt_ns *ns;
    struct fs_context *fs;
    struct user_ns *user_ns;
    struct cred *cred;
    struct actor who;
    uint64_t asked;
};

/* `flags` are the tree's, GOFER_TREE_*. */
void gofer_world_start(struct gofer_world *w, uint32_t flags);
/* The same with a gofer that holds `handles` nodes at most. */
void gofer_world_start_with(struct gofer_world *w, uint32_t flags, uint32_t handles);
/* Nothing may be open any more: asserts that nothing is left. */
void gofer_world_stop(struct gofer_world *w);

/* Messages since the last call. */
uint64_t gofer_world_asked(struct gofer_world *w);

/* Calls as a guest makes them, with absolute paths; -errno. */
must_use int gofer_world_open(struct gofer_world *w, const char *path, int flags, uint32_t mode,
                              struct file **out);
must_use int gofer_world_stat(struct gofer_world *w, const char *path,
                              struct attr *out); /* lstat */
/* At `pos`; -1: at the file's own position. */
ssize_t gofer_world_read(struct file *f, void *buf, size_t size, int64_t pos);
ssize_t gofer_world_write(struct file *f, const void *buf, size_t size, int64_t pos);
