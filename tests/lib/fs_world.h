/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of pipes, sockets, terminals and their like start from. */
#pragma once

#include "sentry/vfs/file.h"
#include "vfs_world.h"

struct fs_world {
    struct vfs_world vfs;
    struct arena *arena;
};

void fs_world_start(struct fs_world *w);
/* Asserts that nothing is left of what fs and sock make. */
void fs_world_stop(struct fs_world *w);

/* One attempt to read or write, from the test's own memory. -EAGAIN comes through. */
ssize_t fs_read(struct file *f, void *buf, size_t size);
ssize_t fs_write(struct file *f, const void *buf, size_t size);
/* The same with text; a read ends it with NUL. */
ssize_t fs_write_text(struct file *f, const char *text);
const char *fs_read_text(struct file *f);
/* An ioctl whose argument is a value or nothing, since there is no guest memory. */
long fs_ioctl_value(struct fs_world *w, struct file *f, unsigned cmd, uint64_t arg);

/* Lets time pass, and fires what is due. */
void fs_pass(struct fs_world *w, nsec_t span);

/* Somebody in a file's queue, who counts how often he is woken. */
struct listener {
    struct waiter waiter;
    struct file *file;
    int woken;
    unsigned bits;
};
void listen_to(struct listener *l, struct file *f);
void listen_end(struct listener *l);
/* How often since the last time. */
int listen_count(struct listener *l);
