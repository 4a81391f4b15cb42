/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a terminal and the tasks that it controls owe each other.
 *
 * Terminals live in fs/, sessions in task/, which lies above. A terminal embeds a
 * struct ctty, which is the session's side of it, and reaches it through hooks only:
 *
 *     ctty_hooks(a)->signal(&tty->ctty, SIGINT);
 *
 * All hooks take RANK_TASKS: none may be called under RANK_TTY.
 *
 *   source    POSIX.1-2017, 11.1; drivers/tty/tty_jobctrl.c, Linux 6.6
 */
#pragma once

#include "sentry/vfs/file.h"

struct ctty;
struct pid;
struct session;
struct task;

/* What sessions ask of a terminal. */
struct ctty_ops {
    void (*get)(struct ctty *c);
    void (*put)(struct ctty *c);
    /* open("/dev/tty"): the terminal's own open, without taking it as the controlling one. */
    int (*open)(struct ctty *c, const struct actor *who, int flags, struct file **out);
};

struct ctty {
    const struct ctty_ops *ops; /* [I] register it in the slab_type */
    uint64_t rdev;              /* [I] as /proc/PID/stat shows it */
    struct arena *arena;        /* [I] */
    struct session *session;    /* [RANK_TASKS] a reference, or NULL */
    struct pid *pgrp;           /* [RANK_TASKS] the foreground process group, the same */
};

/* What terminals ask of tasks: task/ctty.c. One constant, at HOST_CTTY. */
struct ctty_hooks {
    /* To the foreground process group: SIGINT, SIGQUIT, SIGTSTP, SIGWINCH. */
    void (*signal)(struct ctty *c, int sig);
    /*
     * `t` is about to read (SIGTTIN), or to write with TOSTOP or change modes (SIGTTOU).
     *
     *   errors    ERESTARTSYS where its job is in the background, and was stopped; EIO
     *             where that cannot be
     */
    int (*check)(struct ctty *c, struct task *t, int sig);
    /* open(2) by `t` without O_NOCTTY: becomes its session's terminal where that has none. */
    void (*opened)(struct ctty *c, struct task *t);
    /*
     * TIOCSCTTY, TIOCNOTTY, TIOCGPGRP, TIOCSPGRP, TIOCGSID. `c` is always the terminal
     * (a pseudoterminal's slave side).
     *
     *   master    the file is the other side: no controlling terminal is needed
     *   returns   -ENOTTY for other commands too
     */
    long (*ioctl)(struct ctty *c, struct file *f, bool master, const struct ioctl *i);
    /* The line is gone: SIGHUP and SIGCONT to the session's leader; it has no terminal any more. */
    void (*hangup)(struct ctty *c);
    /* The controlling terminal of `t`, given; NULL: ENXIO. */
    struct ctty *(*current)(struct task *t);
    /* The console of a container becomes its first process's terminal. */
    void (*give)(struct ctty *c, struct task *t);
};

static inline const struct ctty_hooks *ctty_hooks(const struct arena *a)
{
    return (const struct ctty_hooks *)arena_host(a, HOST_CTTY);
}

static inline void ctty_init(struct ctty *c, struct arena *a, const struct ctty_ops *ops,
                             uint64_t rdev)
{
    *c = (struct ctty){ .ops = ops, .rdev = rdev, .arena = a };
}
