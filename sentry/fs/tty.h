/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: what guest programs have open as their terminal, whatever is at its far end
 * (the master of a pty, the sandbox's console).
 *
 *   source    termios(3), ioctl_tty(2), tty(4); POSIX.1-2017, chapter 11
 */
#pragma once

#include "include/abi/termios.h"
#include "sentry/vfs/ctty.h"
#include "sentry/vfs/file.h"

struct tty;

struct tty *tty_get(struct tty *tty);
/* NULL is fine. */
void tty_put(struct tty *tty);

/*
 * Opens the near end: a file that reads through the line discipline.
 *
 *   flags     without O_NOCTTY it may become the caller's controlling terminal
 *   errors    EIO where it is locked or its far end gone; EBUSY under TIOCEXCL; ENOMEM
 */
must_use int tty_open(struct tty *tty, struct inode *inode, const struct path *at, int flags,
                      const struct actor *who, struct file **out);

/* /dev/tty: the caller's controlling terminal. Errors: ENXIO where it has none. */
must_use int tty_open_current(struct inode *inode, const struct path *at, int flags,
                              const struct actor *who, struct file **out);

/* The terminal whose near end `f` is, borrowed; NULL. */
struct tty *tty_of_file(struct file *f);

/* Becomes the controlling terminal of a session's leader, where that has none: a container's init.
 */
void tty_make_controlling(struct tty *tty, struct task *t);

/* A new size; SIGWINCH to the foreground where it differs. */
void tty_resize(struct tty *tty, const struct abi_winsize *size);
