/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues: mq_overview(7).
 *
 * A queue is a file in the mqueue file system of an ipc namespace, and lives as other files
 * do: for as long as it has a name or is open. The calls mq_open(2) and mq_unlink(2) take names
 * in that file system's only directory; whoever mounts it sees the same.
 */
#pragma once

#include "include/abi/mqueue.h"
#include "sentry/vfs/file.h"

struct ipc_ns;
struct mqueue_msg;
struct task;

/* ---- the namespace's part ---- */

/* A member of struct ipc_ns. Its file system is made when it is first asked for. */
struct mqueue_ns {
    struct mutex lock; /* RANK_TASK */
    struct path root;  /* [l] of a mount in no tree: references; empty before it is needed */
};

void mqueue_ns_init(struct mqueue_ns *m);
/* Queues that somebody has open or mounted stay; no new ones can be made there. */
void mqueue_ns_destroy(struct mqueue_ns *m);

/* /proc/sys/fs/mqueue */
enum mqueue_limit {
    MQUEUE_QUEUES_MAX,
    MQUEUE_MSG_MAX,
    MQUEUE_MSGSIZE_MAX,
    MQUEUE_MSG_DEFAULT,
    MQUEUE_MSGSIZE_DEFAULT,
    MQUEUE_LIMITS,
};
struct mqueue_limits {
    _Atomic uint32_t of[MQUEUE_LIMITS];
};
/* Of the namespace. `out` is borrowed from it. Errors: ENOMEM. */
must_use int mqueue_limits(struct ipc_ns *ns, struct mqueue_limits **out);
/* What a limit may be set to. */
void mqueue_limit_range(enum mqueue_limit which, uint32_t *lowest, uint32_t *highest);

/* The root of its file system, given: for mount(2). Errors: ENOMEM. */
must_use int mqueue_fs_root(struct ipc_ns *ns, struct dentry **out);

/* ---- names ---- */

/*
 * mq_open(2).
 *
 *   name      without the slash that the libc takes off
 *   flags     as of open(2)
 *   attr      of a queue that is made; NULL: the namespace's defaults
 *   out       given
 *   errors    ENOENT, EEXIST, EACCES, EINVAL, ENAMETOOLONG; ENOSPC past queues_max; EMFILE past
 *             RLIMIT_MSGQUEUE; ENOMEM
 */
must_use int mqueue_open(struct ipc_ns *ns, const struct actor *who, const char *name, int flags,
                         uint32_t mode, const struct abi_mq_attr *attr, struct file **out);
/* mq_unlink(2). Errors: ENOENT, EACCES, EPERM, ENAMETOOLONG, EROFS. */
must_use int mqueue_unlink(struct ipc_ns *ns, const struct actor *who, const char *name);

/* Is it an open queue? All that follows is for such files only. */
bool file_is_mqueue(const struct file *f);

/* What mq_getattr(3) says. */
void mqueue_get_attr(struct file *f, struct abi_mq_attr *out);
/* O_NONBLOCK, and nothing else, can be changed. */
void mqueue_set_nonblock(struct file *f, bool nonblock);

/* ---- messages ---- */

/* Room for a message of `size` bytes: mqueue_msg_bytes(). NULL: no memory. */
must_use struct mqueue_msg *mqueue_msg_create(struct arena *a, size_t size, uint32_t priority);
void mqueue_msg_destroy(struct mqueue_msg *m);
void *mqueue_msg_bytes(struct mqueue_msg *m);
size_t mqueue_msg_size(const struct mqueue_msg *m);
uint32_t mqueue_msg_priority(const struct mqueue_msg *m);

/*
 * One thread's part in sending or receiving, on its stack: it may have to stand in the queue's
 * line until somebody else serves it.
 */
struct mqueue_wait {
    struct list node;       /* [q] in the queue's senders or receivers */
    struct waitq waitq;     /* woken when it was served */
    struct mqueue_msg *msg; /* [q] what it brings, until it is taken; what it was given */
    struct task *task;      /* [I] opaque: whose it is */
    int nice;               /* [I] the lowest is served first, of equals the first that came */
    bool in_line, served;   /* [q] */
};

void mqueue_wait_init(struct mqueue_wait *w, struct task *t, int nice, struct mqueue_msg *msg);
/*
 * Sends w->msg, which is taken where it succeeds.
 *
 *   in_line   where it would have to wait: it stands in line, and w->waitq is woken when it was
 *             served. The call is made again after that; mqueue_wait_end() follows in any case
 *   errors    EAGAIN where the queue is full
 */
must_use int mqueue_send(struct file *f, struct mqueue_wait *w, bool in_line);
/* The same for the most urgent message, of equals the oldest: w->msg, given. EAGAIN: it is empty.
 */
must_use int mqueue_receive(struct file *f, struct mqueue_wait *w, bool in_line);
/* Leaves the line. Returns whether it was served before it could. */
bool mqueue_wait_end(struct file *f, struct mqueue_wait *w);

/* ---- who is told ---- */

struct mqueue_notice;

/* What a queue knows of the process that asked to be told: it lies above. */
struct mqueue_notice_ops {
    /* Did the process of `t` ask? */
    bool (*is_of)(const struct mqueue_notice *n, const struct task *t);
    /* Its number, as `viewer` (may be NULL) sees it. */
    int (*pid)(const struct mqueue_notice *n, const struct task *viewer);
    /* A message has come, sent by `sender`. The notice is used up: release() follows. */
    void (*fire)(struct mqueue_notice *n, struct task *sender);
    void (*release)(struct mqueue_notice *n);
};

struct mqueue_notice {
    const struct mqueue_notice_ops *ops; /* [I] register it in the slab_type */
    int how;                             /* [I] SIGEV_NONE, SIGEV_SIGNAL: as the file shows it */
    int signo;                           /* [I] */
};

/*
 * Asks for `n`, taken, to be fired when a message comes to the empty queue and nobody stands
 * in line for it.
 *
 *   errors    EBUSY where somebody has asked already
 */
must_use int mqueue_set_notice(struct file *f, struct mqueue_notice *n);
/* Forgets what the process of `t` asked for, if it did. */
void mqueue_clear_notice(struct file *f, const struct task *t);
