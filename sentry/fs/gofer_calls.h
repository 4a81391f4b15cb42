/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gofer's operations as functions: arguments in, results out. All block for
 * the gofer, take no lock that outlives them, and fail with EIO where it is gone or
 * speaks nonsense, besides the errors of gofer_wire.h. Handles come out given:
 * gofer_client_clunk().
 */
#pragma once

#include <sys/types.h>
#include <sys/vfs.h>

#include "sentry/fs/gofer_client.h"
#include "sentry/vfs/attr.h"

/* A node as a walk or a creation finds it. */
struct gofer_found {
    gofer_handle_t handle;
    struct gofer_attr attr;
};

struct gofer_attached {
    struct gofer_found root;
    uint32_t flags;   /* GOFER_TREE_* */
    uint64_t fs_type; /* statfs(2)'s f_type */
};
must_use int gofer_attach(struct gofer_client *c, uint32_t tree, struct gofer_attached *out);

/* Called for each step of a walk, which was found. `text` is a link's, else "". */
struct gofer_walk_sink {
    void (*found)(struct gofer_walk_sink *s, const struct gofer_found *f, const char *text,
                  size_t len);
};

/*
 * Walks on from `dir`. Ends at the first that is no directory, without an error.
 *
 *   names     at most GOFER_WALK_MAX of them
 *   sink      given each handle
 *   why       why it went no further than it did: 0, ENOENT, EACCES … as -errno
 *   returns   0, or why there was no walk at all
 */
must_use int gofer_walk(struct gofer_client *c, gofer_handle_t dir, const char *const *names,
                        unsigned count, struct gofer_walk_sink *sink, int *why);

must_use int gofer_getattr(struct gofer_client *c, gofer_handle_t node, struct gofer_attr *out);
must_use int gofer_setattr(struct gofer_client *c, gofer_handle_t node,
                           const struct attr_change *change, struct gofer_attr *out);
/* Gives a descriptor. `access` is GOFER_OPEN_*. */
must_use int gofer_open(struct gofer_client *c, gofer_handle_t node, unsigned access,
                        struct gofer_attr *attr, int *fd);

/* What is to be made; `text` of a link, else "". */
struct gofer_new {
    const char *name;
    uint32_t mode, uid, gid;
    const char *text;
};
/* `fd`: of a regular file, open for reading and writing; NULL where none is wanted. -1 comes out
 * where it was made, but we have no descriptor free for it. */
must_use int gofer_make(struct gofer_client *c, gofer_handle_t dir, const struct gofer_new *what,
                        struct gofer_found *out, int *fd);
must_use int gofer_tmpfile(struct gofer_client *c, gofer_handle_t dir, const struct gofer_new *what,
                           struct gofer_found *out, int *fd);

must_use int gofer_link(struct gofer_client *c, gofer_handle_t node, gofer_handle_t dir,
                        const char *name, struct gofer_attr *out);
/* With GOFER_UNLINK_KEEP `kept` is what lost its name. */
must_use int gofer_unlink(struct gofer_client *c, gofer_handle_t dir, const char *name,
                          unsigned flags, struct gofer_found *kept);
must_use int gofer_rename(struct gofer_client *c, gofer_handle_t from, const char *old_name,
                          gofer_handle_t to, const char *new_name, unsigned flags);
/* A link's text, ended with a zero: its length. */
must_use ssize_t gofer_readlink(struct gofer_client *c, gofer_handle_t node,
                                char text[GOFER_LINK_MAX + 1]);

/* One entry of a directory; `attr` NULL where it did not come along. `next` is the cookie behind
 * it. */
struct gofer_entry {
    uint64_t ino, next;
    uint8_t type;
    const char *name; /* borrowed during the call */
    size_t len;
    const struct gofer_attr *attr;
};
struct gofer_dir_sink {
    /* 0, or -errno, which ends the batch and is its result. */
    int (*entry)(struct gofer_dir_sink *s, const struct gofer_entry *e);
    /* The entries that follow are all of the directory that is number `which` of batch.ahead;
     * its handle is given. NULL where none was asked for. */
    int (*ahead)(struct gofer_dir_sink *s, unsigned which, const struct gofer_found *found);
};
/* What one batch of a directory is to be. */
struct gofer_batch {
    uint64_t cookie;        /* where it begins */
    uint32_t size;          /* bytes of the reply, about: 0 for as many as there may be */
    enum gofer_attrs attrs; /* of which entries to tell them */
    unsigned count;         /* directories beside the one in question that may come along */
    const char *const *ahead;
};
/*
 * One batch of a directory.
 *
 *   name      of a directory in `dir`, which is walked to first; NULL: `dir` itself
 *   found     what `name` is: its handle is given, even where the call then fails (0: none came)
 *   returns   1 at the end of the directory, else 0; -errno
 */
must_use int gofer_readdir(struct gofer_client *c, gofer_handle_t dir, const char *name,
                           struct gofer_batch batch, struct gofer_dir_sink *sink,
                           struct gofer_found *found);

must_use int gofer_statfs(struct gofer_client *c, gofer_handle_t node, struct statfs *out);
/* As getxattr(2): size 0 asks for the length. */
must_use ssize_t gofer_getxattr(struct gofer_client *c, gofer_handle_t node, const char *name,
                                void *buf, size_t size);
must_use int gofer_setxattr(struct gofer_client *c, gofer_handle_t node, const char *name,
                            const void *value, size_t size, int flags);
must_use ssize_t gofer_listxattr(struct gofer_client *c, gofer_handle_t node, char *buf,
                                 size_t size);
must_use int gofer_removexattr(struct gofer_client *c, gofer_handle_t node, const char *name);
must_use int gofer_fsync(struct gofer_client *c, gofer_handle_t node, bool data_only);
/* A socket of the host, connected; `type` is SOCK_*. */
must_use int gofer_connect(struct gofer_client *c, gofer_handle_t node, int type, int *fd);
