/* SPDX-License-Identifier: Apache-2.0 */
/* What pty.c and devpts.c share. */
#pragma once

#include "sentry/fs/pty.h"
#include "sentry/fs/tty_priv.h"

struct devpts_inode;
struct pty_master;

/* [I] never changes   [l] under lock */
struct devpts {
    struct superblock sb;
    struct mutex lock;  /* RANK_INODE */
    struct list ptys;   /* [l] of struct pty, by index */
    uint32_t count;     /* [l] */
    uint32_t max;       /* [I] the mount options, from here on */
    uint32_t mode;      /* permissions of a near end */
    uint32_t ptmx_mode; /* of ptmx */
    uint32_t uid, gid;  /* of a near end; ID_NONE: the opener's */
};

/* [I] never changes   [f] under fs->lock   [t] under tty.lock */
struct pty {
    struct tty tty;
    struct devpts *fs;         /* [I] a reference */
    struct list node;          /* [f] in fs->ptys, until the number is free again */
    uint32_t index;            /* [I] */
    struct inode *inode;       /* [I] a reference: what its name leads to */
    struct pty_master *master; /* [t] weak; NULL once it is closed */
};

struct pty_master {
    struct file file;
    struct pty *pty; /* [I] a reference */
};

static inline struct pty *pty_of(struct tty *tty)
{
    return container_of(tty, struct pty, tty);
}

/* The file system that an inode is in; NULL where that is no devpts. */
struct devpts *devpts_of(const struct inode *inode);
/* A new near end with the lowest free number, and a name. Errors: ENOSPC, ENOMEM. */
must_use int devpts_add(struct devpts *fs, struct pty *pty, const struct actor *who);
/* The name goes; the number stays taken. */
void devpts_hide(struct pty *pty);
/* The number is free again. */
void devpts_remove(struct pty *pty);

/* The pty of a master; NULL where `f` is none. */
struct pty *pty_of_master(struct file *f);

/*
 * A new pty of `fs`, locked, without a master.
 *
 *   ops       what its far end does; release must end with pty_destroy()
 *   out       given
 *   errors    ENOSPC, ENOMEM
 */
must_use int pty_create(struct devpts *fs, const struct tty_ops *ops, const struct actor *who,
                        struct pty **out);
/* Nobody has it any more. */
void pty_destroy(struct pty *p);

/* A master on a new pty of `fs`. */
must_use int pty_open_master(struct devpts *fs, struct inode *inode, const struct path *at,
                             int flags, const struct actor *who, struct file **out);
