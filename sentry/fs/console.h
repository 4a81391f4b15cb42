/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's console: a terminal whose far side is a terminal of the host's, which
 * the command line has put into raw mode and donated.
 */
#pragma once

#include "sentry/fs/tty.h"

struct console;

struct console_options {
    int fd;              /* the host's terminal, read and written: taken, also on failure */
    uint16_t rows, cols; /* how large it is */
    /* It is to be a pty in the devpts that this one sees at /dev/pts, and its owner's; NULL: none,
     * and /dev/console is its only name. */
    const struct actor *pty_for;
};

/*
 * Makes a console; /dev/console leads to the first there is.
 *
 *   out         lives until console_destroy(); open files may outlive that
 *   errors      ENOMEM, EMFILE; those of a walk, and ENODEV where /dev/pts is no devpts
 */
must_use int console_create(struct arena *a, const struct console_options *o, struct console **out);
/* For console_loop(). */
struct console *console_get(struct console *c);
/* NULL is fine. */
void console_destroy(struct console *c);

/*
 * As login(1) does: /dev/console becomes its user's, who may open it again by name. A root that
 * brings its own /dev may have none, or one that is not ours to give.
 */
void console_give(const struct actor *root, const struct cred *user);

/* A file on it, as /dev/console where that can be opened: stdin and its kin. Errors: ENOMEM. */
must_use int console_open(struct console *c, const struct actor *who, struct file **out);

/*
 * Its last process has ended: what has been written so far goes out.
 *
 *   blocks    for the host's terminal, for as long as that takes anything in half a minute
 */
void console_drain(struct console *c);

/* Becomes the controlling terminal of a session's leader. */
void console_set_session(struct console *c, struct task *t);

/* The host's terminal has another size: SIGWINCH to the foreground. */
void console_resize(struct console *c, unsigned rows, unsigned cols);

/*
 * The body of a host thread of its own: what comes from the host's terminal is typed.
 *
 *   c         taken: a console_get() of the caller's
 *   returns   when that has ended, and the console is hung up
 *   blocks    for input; for room, where guests do not read
 */
void console_loop(struct console *c);

/*
 * Not a byte of the host's terminal is read from now on: others use it.
 *
 *   blocks    for a read(2) that is under way: somebody may have taken what it was to get, so
 *             for a second at most
 */
void console_pause(struct console *c);
/* It is ours again. */
void console_resume(struct console *c);

/* What the device node leads to. Errors: ENXIO where there is no console. */
must_use int console_open_device(struct inode *inode, const struct path *at, int flags,
                                 const struct actor *who, struct file **out);
