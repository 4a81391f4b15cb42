/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the gofer's file system share.
 *
 *   gofer.c         file systems, and the table of their inodes
 *   gofer_attr.c    attributes, and when they go stale
 *   gofer_handle.c  which node of the gofer an inode is, and how it is found again
 *   gofer_names.c   finding, making and removing names
 *   gofer_ahead.c   what a walk will ask for next
 *   gofer_fds.c     donated descriptors, and which of them are kept
 *   gofer_file.c    open regular files
 *   gofer_view.c    small reads of them
 *   gofer_map.c     mapped ones
 *   gofer_dir.c     open directories
 *   gofer_list.c    what was last read of a directory
 *   gofer_list_ask.c  reading it, and others ahead
 *   gofer_xattr.c   extended attributes
 *
 * A handle is a cache, too: an inode that knows under which name it was last seen can
 * let its node go and find it again. So what the gofer holds is bounded, and a kernel
 * that is restored beside another gofer goes on.
 */
#pragma once

#include "base/hash.h"
#include "sentry/core/hostfd.h"
#include "sentry/fs/gofer.h"
#include "sentry/fs/gofer_calls.h"
#include "sentry/vfs/file.h"

struct gofer_inode;
struct gofer_list;

#define GOFER_TRIES 16 /* how often a call is made again where nodes are fought for */
#define GOFER_LISTS_SIZE \
    ((uint64_t)8 << 20) /* bytes of the batches of directories that are kept of one tree */
#define GOFER_IDLE_MAX \
    256 /* files of one tree whose descriptors are kept though nobody has them open */

#define GOFER_AHEAD_MAX 32 /* steps of walks that were taken ahead and not asked for yet */

/* A step that was taken ahead: `child`, found under its present name, or nothing of `name`. */
struct gofer_ahead {
    struct gofer_inode *dir, *child; /* references, or NULL */
    char *name;                      /* where there is no child */
    uint64_t seq;                    /* the same: while nothing in the tree has changed since */
    nsec_t when;                     /* in a shared tree: found then, */
    const char *path;                /* for the walk whose path has the name there; compared only */
};

/* [I] never changes   [l] under lock */
struct gofer_sb {
    struct superblock sb;
    struct gofer_client *client;  /* [I] a reference; a host object. NULL: the sandbox's first */
    uint32_t tree;                /* [I] */
    bool read_only, shared;       /* [I] */
    uint64_t root_dev;            /* [I] the host's number of the device the root is on */
    struct gofer_inode *root;     /* [I] weak: it lives as long as anybody uses the file system */
    _Atomic uint64_t changes;     /* [a] of anything in it: see gofer_intern() */
    struct mutex lock;            /* RANK_GOFER; a leaf but for the arena's */
    struct htab inodes;           /* [l] by host device and number; weak */
    struct list idle;             /* [l] gofer_inode.idle, oldest first; each a reference */
    uint32_t nidle;               /* [l] */
    struct list lists;            /* [l] gofer_inode.listed, oldest first; each a reference */
    _Atomic uint64_t lists_size;  /* [a] bytes of what they keep */
    _Atomic int32_t credit;       /* [a] whether attributes are worth telling: gofer_list.c */
    _Atomic int32_t ahead_credit; /* [a] whether it pays to list directories ahead */
    struct gofer_ahead ahead[GOFER_AHEAD_MAX]; /* [l] */
    uint32_t next_ahead;                       /* [l] the oldest of them */
};

/* A window and the run of pages that it covers. */
struct gofer_window {
    struct list node;
    struct window *window;
    uint64_t first, count;
    bool writable;
};

/* How often an inode was changed, and how often by a setattr, alone of all able to change owners.
 */
struct gofer_seq {
    uint64_t changes, owners;
};

/* [I] never changes   [l] under inode.lock   [s] under the superblock's lock   [m] map.lock   [a]
 * atomic */
struct gofer_inode {
    struct inode inode;
    struct hnode node;           /* [s] */
    uint64_t host_dev, host_ino; /* [I] */
    struct timespec born;        /* [I] the host may give the number to another file */
    bool hashed;                 /* [s] */

    _Atomic gofer_handle_t handle; /* [l] to change, [a] to look at; 0: none at present */
    uint32_t leaving;     /* [l] names that it is losing just now: its node is not to be trimmed */
    struct gofer_seq seq; /* [l] counts what we did to it: an older answer is not believed */
    bool stale;           /* [l] the attributes are not those of the host any more */
    bool owner_stale;     /* [l] nor are the owners, which only the gofer can tell */
    nsec_t seen;          /* [l] when the gofer last told them; a shared tree trusts that once */

    struct gofer_inode *parent; /* [s] a reference: where it was last seen; NULL: nowhere */
    char *name;                 /* [s] and under which name */

    hostfd_t fd_read, fd_write; /* [l] the second is for reading, too */
    hostfd_t fd_wo;             /* [l] for writing only: the gofer may not read it */
    _Atomic uint32_t users;     /* [a] open files and mappings: while there are any, all stay */
    struct list idle;           /* [s] in gofer_sb.idle, or on no list */

    _Atomic uint64_t size;        /* [a] as attr.size, for those who may not take the lock */
    _Atomic(char *) view;         /* [a] host: where the sentry has it mapped; NULL: nowhere */
    uint64_t view_size;           /* [l] bytes of it; stays while there is one */
    _Atomic uint32_t small_reads; /* [a] without one: see gofer_view.c */
    struct mappable map;          /* of a regular file */
    struct list windows;          /* [m] of struct gofer_window */
    _Atomic bool
        map_written; /* [a] mapped shared and writable: the host's times move by themselves */

    char *link;                 /* [l] a symbolic link's text; NULL: not asked yet */
    struct gofer_list *list;    /* [l] of a directory; NULL: none, or out of date */
    struct list listed;         /* [s] in gofer_sb.lists, or on no list */
    _Atomic uint32_t walks;     /* [a] directories in it that were listed, one by one */
    _Atomic uint32_t misses;    /* [a] names that were asked for singly: gofer_list_guess() */
    _Atomic uint32_t no_xattrs; /* [a] 1: it has none (exclusive trees); see gofer_xattr.c */
};

static inline struct gofer_inode *gofer_inode_of(struct inode *i)
{
    return container_of(i, struct gofer_inode, inode);
}

static inline struct gofer_sb *gofer_sb_of(const struct gofer_inode *gi)
{
    return container_of(gi->inode.sb, struct gofer_sb, sb);
}

static inline struct gofer_client *gofer_sb_client(const struct gofer_sb *sb)
{
    return sb->client ? sb->client : arena_host(sb->sb.arena, HOST_GOFER);
}

static inline struct gofer_client *gofer_client_of(const struct gofer_inode *gi)
{
    return gofer_sb_client(gofer_sb_of(gi));
}

/* ---- gofer.c ---- */

/*
 * The inode of a node that was found: the one there is, or a new one.
 *
 *   found     its handle is taken, even on failure; 0 where it has none yet
 *   seq       sb->changes before the gofer was asked: what it says of an inode that has
 *             changed since is not believed
 *   errors    ENOMEM
 */
must_use int gofer_intern(struct gofer_sb *sb, const struct gofer_found *found, uint64_t seq,
                          struct gofer_inode **out);

/* Is what was found under its name the file that it was? The host uses numbers again. */
bool gofer_is_found_again(const struct gofer_inode *gi, const struct gofer_attr *attr);

void gofer_release_op(struct inode *inode);
void gofer_drop_caches_op(struct superblock *s);

/* ---- gofer_attr.c ---- */

/*
 * Takes attributes that the gofer told.
 *
 *   seq       gofer_attr_seq() of before it was asked: what has changed since is not believed,
 *             and will be asked for again
 */
void gofer_attr_apply(struct gofer_inode *gi, const struct gofer_attr *attr, struct gofer_seq seq);
/* We are about to change it, or have: what is on its way is old. Gives the new count. */
struct gofer_seq gofer_attr_change(struct gofer_inode *gi);
struct gofer_seq gofer_attr_seq(struct gofer_inode *gi);
/* All of `attr` is new. Under the lock, or before anybody knows the inode. */
void gofer_attr_store(struct gofer_inode *gi, const struct gofer_attr *attr);
/* The file grew or got other bytes through a descriptor: up to `end`. */
void gofer_attr_written(struct gofer_inode *gi, uint64_t end);
uint64_t gofer_guest_ino(const struct gofer_sb *sb, uint64_t dev, uint64_t ino);
int gofer_getattr_op(struct inode *inode, struct attr *out);
int gofer_setattr_op(struct inode *inode, const struct attr_change *change,
                     const struct actor *who);
int gofer_statfs_op(struct superblock *sb, struct statfs *out);

/* ---- gofer_handle.c ---- */

/*
 * The node of the inode. It stays good until the gofer runs out of places, when others
 * may take it away: a call that gives ESTALE is made again with another (GOFER_RETRY).
 *
 *   errors    ESTALE where the host has something else in its place
 *   blocks    for the gofer, where it has to be found again
 */
must_use int gofer_handle(struct gofer_inode *gi, gofer_handle_t *out);
/* Adds a handle that was given with something else: kept, or clunked where there is one. */
void gofer_handle_adopt(struct gofer_inode *gi, gofer_handle_t h);
/* `h` turned out to be stale. True: it may be found again. */
bool gofer_handle_lost(struct gofer_inode *gi, gofer_handle_t h);
/* Lets nodes go that can be found again: the gofer's places are used up. */
void gofer_handles_trim(struct gofer_sb *sb);
/* Where it is from now on. `parent` NULL: nowhere. Errors are silent: it is then only harder to
 * find. */
void gofer_place(struct gofer_inode *gi, struct gofer_inode *parent, const char *name);
/* Where it is, as far as is known: `parent` is given. */
bool gofer_placed_in(struct gofer_inode *gi, struct gofer_inode **parent,
                     char name[GOFER_NAME_MAX + 1]);
/* It is no longer there, if it was. */
void gofer_unplace(struct gofer_inode *gi, struct gofer_inode *parent, const char *name);

/*
 * Makes `call`, which uses `h`, the node of `gi`; again where the node had to make
 * place for others, or others have to make place for what the call gives.
 */
#define GOFER_RETRY(gi, h, call)                                              \
    __extension__({                                                           \
        int retry_;                                                           \
        for (int tries_ = 0;; tries_++) {                                     \
            retry_ = gofer_handle((gi), &(h));                                \
            if (retry_ == 0)                                                  \
                retry_ = (int)(call);                                         \
            if (tries_ == GOFER_TRIES || !gofer_may_retry((gi), (h), retry_)) \
                break;                                                        \
        }                                                                     \
        retry_;                                                               \
    })
bool gofer_may_retry(struct gofer_inode *gi, gofer_handle_t h, int err);

/* ---- gofer_fds.c ---- */

/*
 * Descriptors for as long as a file is open or mapped.
 *
 *   access    GOFER_OPEN_*
 *   out       borrowed until gofer_fds_put()
 *   errors    those of the host's open(2); EIO; ENFILE where neither we nor the gofer have
 *             a descriptor free
 *   blocks    for the gofer, where it has none yet
 */
must_use int gofer_fds_get(struct gofer_inode *gi, unsigned access, hostfd_t *out);
/* One more user of what somebody uses. */
void gofer_fds_share(struct gofer_inode *gi);
void gofer_fds_put(struct gofer_inode *gi);
/* It has lost its name: descriptors that nobody uses are not kept. */
void gofer_fds_forget(struct gofer_inode *gi);
/* Keeps a descriptor, open for reading and writing, that came with a new file: taken; -1 is
 * none. */
void gofer_fds_adopt(struct gofer_inode *gi, int fd);
/* Any of them, for fstat; -1 where there is none. Under the lock. */
int gofer_fds_any(const struct gofer_inode *gi);
/* Closes all; nobody uses them. */
void gofer_fds_close(struct gofer_inode *gi);

/* ---- gofer_view.c ---- */

/*
 * Reads from `pos` on through the sentry's own mapping, where the file has or gets one.
 *
 *   fd        of the inode, open for reading, which the caller's use of it keeps
 *   returns   bytes read; 0 where the host has to be asked
 */
must_use size_t gofer_view_read(struct gofer_inode *gi, int fd, struct io *io, uint64_t pos);
/* Nobody uses the file any more. */
void gofer_view_drop(struct gofer_inode *gi);

/* ---- gofer_file.c, gofer_map.c, gofer_dir.c, gofer_list.c ---- */

int gofer_open_op(struct inode *inode, const struct path *at, int flags, const struct actor *who,
                  struct file **out);
must_use int gofer_dir_open(struct gofer_inode *gi, const struct path *at, int flags,
                            const struct actor *who, struct file **out);

extern const struct mappable_ops gofer_mappable_ops;
/* No mapping is left: gives the windows back. */
void gofer_windows_drop(struct gofer_inode *gi);

/*
 * One batch of a directory, as it was read. Counted: an open directory goes on with its
 * batch though the directory has changed since.
 */
struct gofer_list_entry {
    uint64_t ino, next; /* the host's number; the position behind it */
    uint32_t name_off;
    uint16_t attr; /* which of the attributes, plus one; 0: they are not known */
    uint8_t name_len, type;
};
struct gofer_list {
    struct ref ref;
    uint64_t from;                    /* [I] the position it begins at */
    bool at_end;                      /* [I] nothing comes behind it */
    enum gofer_attrs attrs;           /* [I] of which entries it should have them */
    uint32_t count;                   /* [I] */
    uint32_t mask;                    /* [I] of the index */
    struct gofer_list_entry *entries; /* [I] */
    struct gofer_attr *told;          /* [I] attributes, of those that have them */
    char *names;                      /* [I] each ends with a zero */
    uint16_t *index;                  /* [I] by hash of the name: number of an entry + 1 */
    size_t size;                      /* [I] bytes of all that */
    _Atomic bool ahead;               /* [a] it came before it was asked for, and was not used */
};
struct gofer_list *gofer_list_get(struct gofer_list *l);
void gofer_list_put(struct gofer_list *l);
DEFINE_SCOPED(gofer_list)
/*
 * The batch that begins at `from`: the one that is kept, or a new one, which is then kept.
 *
 *   out       given
 *   blocks    for the gofer
 */
must_use int gofer_list_read(struct gofer_inode *dir, uint64_t from, struct gofer_list **out);
static inline const char *gofer_list_name(const struct gofer_list *l,
                                          const struct gofer_list_entry *e)
{
    return l->names + e->name_off;
}
/* NULL: not known. */
static inline const struct gofer_attr *gofer_list_attr(const struct gofer_list *l,
                                                       const struct gofer_list_entry *e)
{
    return e->attr ? &l->told[e->attr - 1] : NULL;
}
/*
 * A name is to be asked for that no list knows. Where there were some such before, the
 * next ones will be neighbours (git status, a compiler's headers): the directory is
 * read instead, once, and as far as one small batch goes.
 *
 *   returns   whether that was done: look again
 *   blocks    for the gofer
 */
bool gofer_list_guess(struct gofer_inode *dir);
/* What a list that is kept says of a name: 1 found (`out`), 0 nothing, -ENOENT there is none such.
 */
int gofer_list_lookup(struct gofer_inode *dir, const char *name, struct gofer_found *out);
/* The directory changed: what was read of it is not to be believed. */
void gofer_list_drop(struct gofer_inode *dir);
/* The same for all of a tree. */
void gofer_lists_drop(struct gofer_sb *sb);

/* ---- gofer_list_ask.c, and what it needs of gofer_list.c ---- */

/*
 * Asks the gofer for a batch. Others that come along are kept.
 *
 *   out       given
 *   blocks    for the gofer
 */
must_use int gofer_list_ask(struct gofer_inode *dir, struct gofer_batch batch,
                            struct gofer_list **out);
/* One that came along was asked for. */
void gofer_list_ahead_used(struct gofer_sb *sb);
/* One without entries, or NULL. */
struct gofer_list *gofer_list_new(struct arena *a, struct gofer_batch batch);
/* It has all its entries. False: no memory. */
must_use bool gofer_list_index(struct gofer_list *l);
const struct gofer_list_entry *gofer_list_find(const struct gofer_list *l, const char *name);
/* Keeps it where the directory has not changed since it was asked for: `changes` of its seq. */
void gofer_list_keep(struct gofer_inode *dir, struct gofer_list *l, uint64_t changes);
/* Attributes came with it, and it remains to be seen whether somebody wants them. */
void gofer_list_told(struct gofer_inode *dir, const struct gofer_list *l);

/* ---- gofer_xattr.c ---- */

ssize_t gofer_getxattr_op(struct inode *i, const char *name, void *buf, size_t size);
int gofer_setxattr_op(struct inode *i, const char *name, const void *buf, size_t size, int flags);
ssize_t gofer_listxattr_op(struct inode *i, char *buf, size_t size);
int gofer_removexattr_op(struct inode *i, const char *name);

/* ---- gofer_ahead.c ---- */

void gofer_look_ahead_op(struct inode *dir, const char *path, const struct actor *who);
/*
 * What was found ahead: 1 (`out`, given), -ENOENT there is none such, 0 nothing is known.
 * Found once only: from then on it is the dentries' to remember.
 */
int gofer_ahead_take(struct gofer_inode *dir, const char *name, struct gofer_inode **out);
void gofer_ahead_drop(struct gofer_sb *sb);

/* ---- gofer_names.c ---- */

/* Keeps a symbolic link's text, which cannot change. */
void gofer_keep_text(struct gofer_inode *gi, const char *text, size_t len);

extern const struct inode_ops gofer_inode_ops;
