/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: what a descriptor refers to (an "open file description").
 *
 * A kind of file embeds struct file and gives it operations. They never block: a
 * read that finds nothing answers -EAGAIN, whatever the flags, and the file wakes
 * its queue when that may have changed. Waiting, O_NONBLOCK and signals are the
 * business of sentry/syscall/block.h.
 */
#pragma once

#include <poll.h>

#include "base/ref.h"
#include "sentry/core/waitq.h"
#include "sentry/mm/io.h"
#include "sentry/mm/mm.h"
#include "sentry/vfs/inode.h"

/* A place in the tree: both are references where the path is given, borrowed elsewhere. */
struct path {
    struct mount *mnt;
    struct dentry *dentry;
};

/* poll(2)'s own numbers: POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLRDHUP … */
#define POLL_ALWAYS \
    (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM) /* of files that are always ready */

struct file;

/* The guest's view of an ioctl: decoded by whoever owns the file. */
struct ioctl {
    struct mm *mm;
    unsigned cmd;
    uint64_t arg;
    const struct actor *who;
};

/* All may be NULL but `release`. */
struct file_ops {
    const char *name; /* of the kind, for traces and "anon_inode:[eventfd]" */
    /*
     * Moves bytes.
     *
     *   pos       in and out: where a seekable file reads; NULL or ignored by streams
     *   returns   bytes moved, 0 at the end; -EAGAIN where it would have to wait;
     *             bytes that went over before an error win over the error
     *   NULL      EINVAL (EBADF was checked: the file is open for it; EISDIR for directories)
     */
    ssize_t (*read)(struct file *f, struct io *io, uint64_t *pos);
    ssize_t (*write)(struct file *f, struct io *io, uint64_t *pos);
    /* What is ready now, POLL* bits. NULL: POLL_ALWAYS. Cheap; takes no lock above the file's own.
     */
    unsigned (*poll)(struct file *f);
    /*
     * Of a kind that answers each task for itself (signalfd): `poll`, and where `t` waits. NULL:
     * all are told the same. epoll asks for whoever collects, but waits at file.waitq.
     */
    unsigned (*poll_for)(struct file *f, struct task *t);
    struct waitq *(*waitq_for)(struct file *f, struct task *t);
    /*
     * lseek(2): the new position. NULL: generic, by the inode's size, no holes. SEEK_SET and
     * SEEK_CUR come here too. ESPIPE: see FILE_STREAM.
     *
     *   pos       where it stands now
     */
    int64_t (*seek)(struct file *f, int64_t off, int whence, uint64_t pos);
    /* getdents64(2) from *pos on. */
    int (*readdir)(struct file *f, struct dir_sink *sink, uint64_t *pos);
    /* What mmap needs. NULL: ENODEV. */
    int (*map)(struct file *f, int prot, int flags, struct map_source *out);
    /* -ENOTTY where the command is not known. */
    long (*ioctl)(struct file *f, const struct ioctl *c);
    int (*fsync)(struct file *f, bool data_only);
    int (*fallocate)(struct file *f, int mode, uint64_t off, uint64_t len);
    /* fcntl(F_SETFL) is about to set these; may refuse. NULL: fine. */
    int (*set_flags)(struct file *f, int flags);
    /* A descriptor on it is closed (not only the last): flush, dnotify. NULL: nothing. */
    void (*flush)(struct file *f, const struct actor *who);
    /* Lines of /proc/PID/fdinfo/N after the common ones. */
    void (*fdinfo)(struct file *f, char *buf, size_t size);
    /* How long a blocking read or write may wait: SO_RCVTIMEO, SO_SNDTIMEO. 0, and NULL: for ever.
     */
    nsec_t (*patience)(struct file *f, bool write);
    /*
     * open(2) gives out no descriptor yet (the other end of a FIFO is missing): -EAGAIN
     * until it may; wakes the file's queue. Not asked under O_NONBLOCK. NULL: it may.
     */
    int (*await_open)(struct file *f);
    /* Frees what embeds the file; nobody has it any more. */
    void (*release)(struct file *f);
};

enum {
    FILE_STREAM = 1,       /* no position: lseek and pread give ESPIPE */
    FILE_READ = 2,         /* opened for reading */
    FILE_WRITE = 4,        /* opened for writing */
    FILE_PATH = 8,         /* O_PATH: names something, opens nothing */
    FILE_NOPWRITE = 16,    /* positioned calls are refused though it seeks */
    FILE_POLLABLE = 32,    /* epoll_ctl(2) takes it; regular files and directories: EPERM */
    FILE_WRITE_ALL = 64,   /* a blocking write goes on after a part (pipes, stream sockets, ttys) */
    FILE_NO_SIGPIPE = 128, /* EPIPE of write(2) raises no signal (datagram sockets) */
    FILE_WRITER = 256,     /* counts among its inode's writers */
    FILE_ASYNC = 512,      /* can have O_ASYNC: tells of changes by a signal */
};

struct file_watch;

struct file_watch_ops {
    /*
     * The last reference is gone; release() follows. Takes `w` off file.watches.
     *
     *   locks     called under file.watch_lock (RANK_WATCH)
     */
    void (*gone)(struct file_watch *w);
};

/* Somebody who holds no reference but must know when the file goes: an item of epoll, an owner. */
struct file_watch {
    struct list node;                 /* [watch_lock] in file.watches */
    const struct file_watch_ops *ops; /* [I] register it in the slab_type */
};

/* [I] never changes   [a] atomic   [p] pos_claim */
struct file {
    struct ref ref;
    const struct file_ops *ops; /* [I] register in the slab_type */
    struct arena *arena;        /* [I] */
    struct path path;           /* [I] references; both NULL for a file without a name */
    struct inode *inode;        /* [I] a reference */
    uint32_t kind;              /* [I] FILE_* */
    _Atomic uint32_t
        flags; /* O_APPEND, O_NONBLOCK, O_DIRECT, O_ASYNC, O_NOATIME, O_SYNC …: F_GETFL */
    _Atomic uint32_t pos_claim; /* claim.h, not a lock: held while the file moves bytes */
    uint64_t pos;               /* [p] bytes */
    struct waitq waitq;         /* woken whenever poll() may say more */
    struct list watches;     /* [watch_lock] of struct file_watch; emptied by the last file_put() */
    struct mutex watch_lock; /* RANK_WATCH */
    const struct cred *cred; /* [I] of the opener: a reference */
    void *locks_hint;        /* of lease.c */
};

/*
 * Fills the common part; takes references of path (may be NULL), inode and cred.
 *
 *   flags     as in open(2): access mode and status flags
 */
void file_init(struct file *f, struct arena *a, const struct file_ops *ops, const struct path *at,
               struct inode *inode, int flags, const struct cred *cred);
/* What every release() does with the common part before it frees. */
void file_destroy(struct file *f);
struct file *file_get(struct file *f);
void file_put(struct file *f);
DEFINE_SCOPED(file)

/* What is ready now, to everybody, or to one task (NULL: everybody), and where that one waits. */
unsigned file_poll(struct file *f);
unsigned file_poll_for(struct file *f, struct task *t);
struct waitq *file_waitq_for(struct file *f, struct task *t);
/* Whether a read or write at this moment must not wait. */
static inline bool file_nonblock(const struct file *f)
{
    return atomic_load_explicit(&((struct file *)f)->flags, memory_order_relaxed) &
           04000 /* O_NONBLOCK */;
}

/*
 * lseek(2) where there are no holes.
 *
 *   size, max  of the file; the largest position it can have
 *   errors     EINVAL; ENXIO for SEEK_DATA and SEEK_HOLE past the end; EOVERFLOW
 */
must_use int64_t file_seek_generic(int64_t off, int whence, uint64_t pos, uint64_t size,
                                   uint64_t max);
/* file_ops.seek where a seek is taken and moves nothing: eventfds and their kind. */
int64_t file_seek_nowhere(struct file *f, int64_t off, int whence, uint64_t pos);

/* As a guest's read of the file does: sets the access time, where mount and relatime want it. */
void file_accessed(struct file *f);

/*
 * A file without a state of its own: an O_PATH one, or a directory.
 *
 *   ops       NULL: none but release; else its release() is file_release()
 *   errors    ENOMEM
 */
must_use int file_create(const struct path *at, struct inode *inode, const struct file_ops *ops,
                         int flags, const struct actor *who, struct file **out);
void file_release(struct file *f);

/*
 * An inode of the sandbox's anonymous file system (eventfd, epoll, pipe, socket, memfd …).
 *
 *   owner     whose it is, as of a file just made; NULL: root's, as of what Linux never lets open
 *             again
 *   out       given
 *   errors    ENOMEM
 */
must_use int anon_inode_create(struct arena *a, uint32_t mode, const struct cred *owner,
                               struct inode **out);
/* That file system, for inodes that have operations of their own: borrowed. */
struct superblock *anon_superblock(struct arena *a);
