/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudoterminals, and the file system that their near ends have names in.
 *
 *   source    pty(7), pts(4), ptmx(4); Documentation/filesystems/devpts.rst
 */
#pragma once

#include "sentry/fs/tty.h"

#define PTY_MAX 4096u /* kernel.pty.max, and the default of the mount option */

/*
 * Makes a devpts, as fs_type.create. Each has its own numbers.
 *
 *   options   uid=, gid=, mode=, ptmxmode=, max=, newinstance; NULL is none
 *   out       its root, given
 *   errors    EINVAL, ENOMEM
 */
must_use int devpts_create(struct arena *a, const char *source, const char *options,
                           const struct actor *who, struct dentry **out);

/*
 * Opens a master: a new pty in the devpts that `inode` is in, or else that is mounted at
 * "pts" beside it.
 *
 *   errors    ENODEV where there is none; ENOSPC where it has no more numbers; ENOMEM
 */
must_use int ptmx_open(struct inode *inode, const struct path *at, int flags,
                       const struct actor *who, struct file **out);

/*
 * ioctl(TIOCGPTPEER): opens the near end of a master's pty, wherever its name can be seen.
 *
 *   errors    EIO where `f` is another terminal, ENOTTY where it is none; those of an open
 */
must_use int pty_open_peer(struct file *f, int flags, const struct actor *who, struct file **out);
