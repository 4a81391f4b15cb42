/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of /proc and /sys are made of.
 *
 * A table is an array of entries that ends with one without a name. Entries are
 * constants; an inode is an entry and what it is about (a process, a number). The
 * contents of a file are made anew whenever it is read from its start.
 */
#pragma once

#include "sentry/proc/text.h"
#include "sentry/task/group.h"
#include "sentry/task/pid.h"
#include "sentry/vfs/file.h"

struct proc_entry;
struct proc_fs;

/* One look at one entry. All is borrowed, and lasts for the look. */
struct proc_view {
    struct arena *arena;
    const struct proc_fs *fs;
    const struct actor *who; /* who looks; NULL where that is not known */
    struct task *viewer;     /* the same as a task, or NULL */
    struct task *task;       /* whom it is about; NULL outside of /proc/PID */
    bool thread;             /* about that thread, not its process */
    uint64_t arg;            /* what the directory counts: a descriptor, a processor */
};

/* What a directory finds. */
struct proc_found {
    const struct proc_entry *entry;
    struct pid *pid; /* a reference: whom the entry is about; NULL: as the directory */
    bool thread;
    uint64_t arg;
    uint32_t mode; /* 0: the entry's */
};

/* A directory whose names are not all known beforehand. */
struct proc_names {
    /* ENOENT where there is none. */
    int (*lookup)(struct proc_view *v, const char *name, struct proc_found *out);
    /*
     * The first name whose key is at or above `*key`; `*key` becomes that one's.
     *
     *   name      at least 32 bytes
     *   returns   false at the end
     */
    bool (*next)(struct proc_view *v, uint64_t *key, char *name, struct proc_found *out);
};

enum proc_flags {
    PROC_PEEK = 1,    /* opened, read or followed only by those who may look into the process */
    PROC_RAW = 2,     /* `read` instead of `show`: not kept, may be large */
    PROC_OWN = 4,     /* written only by the process itself */
    PROC_STRICT = 8,  /* the mode holds for root too */
    PROC_SELF = 16,   /* a directory that the process itself may always search and list */
    PROC_FENCED = 32, /* whoever may not look into the process has no right to it at all */
};

struct proc_entry {
    const char *name;
    uint32_t mode;  /* with its type */
    unsigned flags; /* PROC_* */
    /* A file's contents. Errors: whatever read(2) is to give. */
    int (*show)(struct proc_view *v, struct text *t);
    /*
     * What was written, whole, with a NUL behind it; from the file's start.
     *
     *   returns   how much of it was taken, as write(2) does
     */
    ssize_t (*write)(struct proc_view *v, char *s, size_t size);
    /* As file_ops.read and write, for PROC_RAW. */
    ssize_t (*read)(struct proc_view *v, struct io *io, uint64_t *pos);
    ssize_t (*put)(struct proc_view *v, struct io *io, uint64_t *pos);
    /* A link's text. */
    ssize_t (*readlink)(struct proc_view *v, char *buf, size_t size);
    /* A link that leads straight somewhere. */
    int (*follow)(struct proc_view *v, struct path *out);
    /* A file of another kind. */
    int (*open)(struct proc_view *v, struct inode *i, const struct path *at, int flags,
                struct file **out);
    const struct proc_entry *children; /* a directory's */
    const struct proc_names *names;    /* and those that come behind them */
    const char *text;                  /* contents that never change, for proc_show_text() */
};

#define PROC_FILE(nm, perm, shower)                              \
    {                                                            \
        .name = (nm), .mode = S_IFREG | (perm), .show = (shower) \
    }
#define PROC_FILE_W(nm, perm, shower, writer)                                       \
    {                                                                               \
        .name = (nm), .mode = S_IFREG | (perm), .show = (shower), .write = (writer) \
    }
#define PROC_TEXT(nm, perm, str)                              \
    {                                                         \
        .name = (nm), .mode = S_IFREG | (perm), .text = (str) \
    }
#define PROC_LINK(nm, reader)                                      \
    {                                                              \
        .name = (nm), .mode = S_IFLNK | 0777, .readlink = (reader) \
    }
#define PROC_DIR(nm, perm, entries)                                   \
    {                                                                 \
        .name = (nm), .mode = S_IFDIR | (perm), .children = (entries) \
    }
#define PROC_END     \
    {                \
        .name = NULL \
    }

/* Whose numbers are shown: borrowed. */
struct pid_ns *proc_pids(const struct proc_view *v);
/* A process as this /proc numbers it; 0: it does not see it. */
int proc_nr(const struct proc_view *v, const struct pid *p);

/* Decimal digits and nothing else. -1 where it is no number from 0 to INT_MAX. */
int64_t proc_number(const char *s);
