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
/* Both claimed (by address). `flags`: RENAME_*. */
must_use int name_rename(struct dentry *from_dir, struct dentry *from, struct dentry *to_dir,
                         struct dentry *to, unsigned flags);
/* Claims two names, which may be one. Errors: as name_claim(). */
must_use int name_claim_two(struct dentry *dir_a, const char *name_a, struct dentry *dir_b,
                            const char *name_b, const struct actor *who, struct dentry **a,
                            struct dentry **b);
void name_unclaim_two(struct dentry *a, struct dentry *b);

/* The mode of something new: what the guest asked for, less the umask, with its type. */
uint32_t name_mode(const struct actor *who, uint32_t mode, uint32_t type);
