/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of names, below permission checks: what the calls of walk.h do when all
 * is checked, and what one file system does to another that it lies over.
 *
 *     err = name_claim(dir, "a", who, &d);
 *     if (!err) {
 *         err = dentry_inode(d) ? -EEXIST : name_make(who, dir, d, &what);
 *         name_unclaim(d);
 *         dentry_put(d);
 *     }
 */
#pragma once

#include "sentry/vfs/dentry.h"

/*
 * The child of that name, positive or negative, that nobody else will change before
 * name_unclaim().
 *
 *   out       given: unclaim, then put
 *   errors    those of dentry_lookup()
 *   blocks    while somebody else changes the same name
 */
must_use int name_claim(struct dentry *dir, const char *name, const struct actor *who,
                        struct dentry **out);
void name_unclaim(struct dentry *d);

/* What to make. */
struct name_new {
    uint32_t mode;       /* with its type; ignored for a link */
    uint64_t rdev;       /* of devices */
    const char *target;  /* of a symbolic link */
    struct inode *inode; /* an existing one gets one more name */
    /* How a file system makes something of its own, in place of its operations; NULL: by those. */
    int (*make)(struct inode *dir, const char *name, const struct name_new *what,
                const struct actor *who, struct inode **out);
    const void *arg; /* `make`'s own */
};

/*
 * Makes something of a claimed negative name.
 *
 *   errors    EPERM (EACCES for a regular file) where the file system cannot; EEXIST where
 *             it knows of one all the same: the name is forgotten then; its own
 */
must_use int name_make(const struct actor *who, struct dentry *dir, struct dentry *d,
                       const struct name_new *what);
/* Takes a claimed positive name away: rmdir(2) for a directory, unlink(2) for all else. */
must_use int name_remove(struct dentry *dir, struct dentry *d);

/*
 * The two names of a rename, which may be one, claimed. Where their directories differ, no
 * other such rename of the file system is under way: so where both are stays true, and two
 * renames at once cannot put a directory below itself.
 */
struct name_pair {
    struct dentry *from_dir, *to_dir; /* borrowed */
    struct dentry *from, *to;         /* references */
    bool from_is_above, to_is_above;  /* of the other's directory, or that directory itself */
};

/*
 * Claims two names of directories that are in `p` already. name_unclaim_pair() undoes it.
 *
 *   errors    as name_claim()
 *   blocks    the same; for another rename from directory to directory
 */
must_use int name_claim_pair(struct name_pair *p, const char *from, const char *to,
                             const struct actor *who);
void name_unclaim_pair(struct name_pair *p);
/* Would one of them come to lie below itself? Errors: EINVAL, ENOTEMPTY, as of rename(2). */
must_use int name_check_loops(const struct name_pair *p, unsigned flags);
/* `flags`: RENAME_*. Errors: those of name_check_loops(); the file system's. */
must_use int name_rename(const struct name_pair *p, unsigned flags);

/* The mode of something new: what the guest asked for, less the umask, with its type. */
uint32_t name_mode(const struct actor *who, uint32_t mode, uint32_t type);
