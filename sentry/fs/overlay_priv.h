/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an overlay.
 *
 * Theory of operation. An inode of the overlay stands over what the layers have of
 * it: a dentry of the upper tree, those of lower ones, or both. It begins below and
 * is copied up before it first changes; that happens once, and everybody sees it at
 * once, since all users of the file have the overlay's inode and ask it where the
 * bytes are:
 *
 *     open files     keep a file of either layer, and change to the upper one
 *     mappings       are of the overlay's own mappable, whose pages are taken away
 *                    when the bytes move; the next fault finds the new ones
 *     other names    lead to the same inode by a table of lower inodes, so hard
 *                    links stay together though only one of them was copied
 *
 * A copy is made in the work directory, under a name nobody looks for, and renamed
 * into place when it is complete and in the table.
 *
 * A name that goes, and that lower layers still have, becomes a whiteout above. A
 * directory that is made over such a name is opaque. A directory that moves remembers
 * where its lower parts are by a redirect, so that moving it copies nothing but itself.
 *
 * Whoever changes a name of the overlay has claimed it there (claim.h), and lookups
 * are answered by that name while it lasts: so the steps of a change are not seen. He
 * has said so to the name's directory, too (overlay_change_begin()), which is removed
 * only while nobody changes it. What is done to the upper tree has one step that
 * decides; before it nothing is lost, and what comes after it may fail:
 *
 *     what is wanted         what is made ready            what decides           afterwards
 *     make                   –                             make in place          opaque; undone by
 * hide over a whiteout      take the whiteout away        make in place          (else it is put
 * back) link                   the old one's upper half      link in place remove, above only     –
 * remove in place remove, below only     –                             whiteout in place remove,
 * both, or a     –                             rename to the work     clear and remove it directory
 * that                                     directory, with a      there holds whiteouts whiteout if
 * below rename                 upper halves; an upper name   rename in place, with  clear and
 * remove the (of a hard link copied by     a whiteout if below    directory it was another name);
 * redirect or                           over opaque; a directory in the place goes to work (else it
 * comes back) copy up                the copy in work              rename to its place    (else it
 * is removed)
 *
 * Locks: oi->inode.lock guards where an inode is (`place`) and its link count; the
 * table has its own. No lock is held while a layer is asked. `copy_claim` is taken by
 * whoever copies up; that of a directory before those of what is in it are released,
 * never after.
 */
#pragma once

#include "base/hash.h"
#include "sentry/fs/overlay.h"
#include "sentry/vfs/dentry.h"
#include "sentry/vfs/name.h"
#include "sentry/vfs/vfs.h"
#include "sentry/vfs/walk.h"

#define OVERLAY_LOWER_MAX 16
#define OVERLAY_OPAQUE    "trusted.overlay.opaque"
#define OVERLAY_REDIRECT  "trusted.overlay.redirect"
#define OVERLAY_PREFIX    "trusted.overlay."
#define OVERLAY_UPPER_INO ((uint64_t)1 << 48) /* keeps upper numbers apart from lower ones */
#define OVERLAY_BUCKETS   256

/* [I] never changes   [b] table_lock */
struct overlay {
    struct superblock sb;
    struct cred *cred;       /* [I] of whoever mounted it: acts on the layers; a reference */
    struct actor actor;      /* [I] the same */
    struct path upper, work; /* [I] references; not set: read-only */
    struct path lower[OVERLAY_LOWER_MAX]; /* [I] references, the topmost first */
    unsigned nlower;                      /* [I] */
    char *shown;                          /* [I] options as /proc/mounts shows them; arena */
    _Atomic uint64_t next_temp;           /* names in the work directory */
    struct mutex table_lock;              /* RANK_DENTRY */
    struct htab by_lower, by_upper; /* [b] overlay_inode: weak, or with a reference where pinned */
    struct hnode *lower_buckets[OVERLAY_BUCKETS], *upper_buckets[OVERLAY_BUCKETS];
};

/* [I] never changes   [a] atomic   [l] inode.lock   [b] overlay.table_lock   [c] copy_claim */
struct overlay_inode {
    struct inode inode;
    struct mappable map;            /* of regular files */
    _Atomic(struct dentry *) upper; /* a reference; NULL → dentry once */
    struct dentry **lower;          /* [I] references, the topmost first; a file has one at most */
    unsigned nlower;                /* [I] */
    _Atomic uint32_t copy_claim;
    _Atomic uint32_t leave_claim; /* of a directory: by whoever tries to remove it */
    uint32_t changers;       /* [l] of a directory: changes of names in it that are under way */
    bool leaving;            /* [l] none may begin: whoever has leave_claim decides */
    _Atomic bool gone;       /* [a] removed, and empty for good */
    struct hnode lower_node; /* [b] by the device and number of lower[0] */
    struct hnode upper_node; /* [b] by the number of upper */
    bool in_lower, in_upper; /* [b] */
    bool pinned;             /* [b] the table has a reference: it was copied up */
    struct overlay_inode *parent; /* [l] where it is found: a reference; NULL: nowhere known */
    char *name;                   /* [l] arena */
    _Atomic uint32_t nlink;       /* [l] to change, [a] to look at: of what is no directory */
    _Atomic(struct mappable *) lower_map, upper_map; /* references; made when first mapped */
};

static inline struct overlay *overlay_of(const struct inode *i)
{
    return container_of(i->sb, struct overlay, sb);
}

static inline struct overlay_inode *overlay_inode_of(struct inode *i)
{
    return container_of(i, struct overlay_inode, inode);
}

/* The upper half; NULL where it has none yet. */
static inline struct dentry *overlay_upper(const struct overlay_inode *oi)
{
    return atomic_load_explicit(&((struct overlay_inode *)oi)->upper, memory_order_acquire);
}

/* Where its bytes and attributes are now. */
static inline struct dentry *overlay_real(const struct overlay_inode *oi)
{
    struct dentry *d = overlay_upper(oi);

    return d ? d : oi->lower[0];
}

/* ---- overlay_inode.c ---- */

/* What a lookup found in the layers: references, taken by overlay_inode_get(). */
struct overlay_parts {
    struct dentry *upper;
    struct dentry *lower[OVERLAY_LOWER_MAX];
    unsigned nlower;
};

void overlay_parts_put(struct overlay_parts *p);
/*
 * The inode that stands for these parts, the one there is or a new one.
 *
 *   parts     taken
 *   out       given
 *   errors    ENOMEM; those of getattr
 */
must_use int overlay_inode_get(struct overlay *o, struct overlay_parts *parts, struct inode **out);
/* It was copied up to `upper` (a reference that is taken), which is not yet where it is looked for.
 */
void overlay_inode_set_upper(struct overlay_inode *oi, struct dentry *upper);
/*
 * It was found as `name` in `dir`. A hint: by the time it is used the name may be gone,
 * and a copy makes sure of it.
 */
void overlay_inode_place(struct overlay_inode *oi, struct overlay_inode *dir, const char *name);
/* It is no longer found there. */
void overlay_inode_unplace(struct overlay_inode *oi, struct overlay_inode *dir, const char *name);
/* One name more or less. With the last, the table lets go of it. */
void overlay_inode_links(struct overlay_inode *oi, int by);
/* Nobody looks for anything any more: the table lets go of all. */
void overlay_unpin_all(struct overlay *o);
/* Takes over mode, owner and times of what is below. */
int overlay_inode_refresh(struct overlay_inode *oi);

/* ---- overlay_layer.c: what is asked of layers ---- */

bool overlay_is_whiteout(const struct dentry *d);
bool overlay_is_opaque(const struct dentry *d);
must_use int overlay_set_opaque(struct dentry *d);
/* A directory's lower parts stay where they are when it moves. Errors: EXDEV where that is too
 * long. */
must_use int overlay_set_redirect(struct overlay *o, struct overlay_inode *oi);
/* The redirect of `d`: arena bytes, or NULL where there is none. Errors: ENOMEM. */
must_use int overlay_redirect(struct overlay *o, const struct dentry *d, char **out);
/* Does a lower layer of directory `di` have `name`? It could be seen if the upper one went. */
must_use int overlay_lower_has(struct overlay_inode *di, const char *name, bool *has, bool *is_dir);
/* Is `d`, of the upper tree, the upper half of `oi`? Others may have changed that tree. */
bool overlay_is_upper_of(const struct dentry *d, const struct overlay_inode *oi);
/* Has the upper directory of `di` a name for `oi`? Errors: ESTALE where it is another's. */
must_use int overlay_upper_has(struct overlay_inode *di, const char *name,
                               const struct overlay_inode *oi, bool *has);
/*
 * Makes something in the upper directory of `di`, also in place of a whiteout.
 *
 *   made      given
 *   errors    EEXIST where something else is there; those of name_make()
 */
must_use int overlay_make_upper(struct overlay_inode *di, const char *name,
                                const struct name_new *what, const struct actor *who,
                                struct dentry **made);
/* Makes a whiteout of a name that is free in the upper directory of `di`. */
must_use int overlay_whiteout(struct overlay_inode *di, const char *name);
/* Takes `name` out of a directory of the upper tree. Errors: ESTALE where it is not `what`. */
must_use int overlay_remove(struct overlay *o, struct dentry *dir, const char *name,
                            const struct inode *what);

/* Something in the work directory. */
struct overlay_temp {
    char name[24];
    struct dentry *dentry; /* a reference */
};
/* Makes it. overlay_temp_remove() follows, or a rename and a dentry_put(). */
must_use int overlay_temp_make(struct overlay *o, const struct name_new *what,
                               struct overlay_temp *t);
/* Takes it away if it is still there. */
void overlay_temp_remove(struct overlay *o, struct overlay_temp *t);
/*
 * Moves the upper half of `oi` from its name there to the work directory, in one step.
 *
 *   flags     RENAME_WHITEOUT: a whiteout stands in its place
 *   errors    ESTALE where the name is another's
 */
must_use int overlay_set_aside(struct overlay_inode *di, const char *name,
                               const struct overlay_inode *oi, unsigned flags,
                               struct overlay_temp *t);
/* The way back. `t` is done with, also on failure. */
must_use int overlay_bring_back(struct overlay_inode *di, const char *name, struct overlay_temp *t);
/* Where a layer's file is, for its open. Borrowed. */
struct path overlay_layer_path(struct overlay_inode *oi, bool upper);

/* ---- overlay_copy.c ---- */

/*
 * Gives it an upper half, and all directories above it.
 *
 *   size      how many bytes of a regular file are wanted: UINT64_MAX is all
 *   errors    EROFS where there is no upper tree; those of the layers
 */
must_use int overlay_copy_up(struct overlay_inode *oi, uint64_t size);

/* ---- overlay_dir.c ---- */

/* Errors: ENOTEMPTY. `whiteouts`: are there any in its upper half? */
must_use int overlay_is_empty(struct overlay_inode *di, bool *whiteouts);
/* Takes the whiteouts out of the upper half of an empty directory. */
must_use int overlay_clear_whiteouts(struct overlay_inode *di);
int overlay_open_dir(struct inode *i, const struct path *at, int flags, const struct actor *who,
                     struct file **out);

/* ---- overlay_lookup.c ---- */

int overlay_lookup(struct inode *dir, const char *name, const struct actor *who,
                   struct inode **out);
void overlay_look_ahead(struct inode *dir, const char *path, const struct actor *who);
int overlay_revalidate(struct inode *dir, const char *name, struct inode *inode);

/* ---- overlay_leave.c: changes of a directory, and its end ---- */

/*
 * Names in `di`, which gets an upper half, are about to be changed: until
 * overlay_change_end() it is not removed.
 *
 *   errors    EROFS; ENOENT where it was removed
 *   blocks    while somebody tries to remove it
 */
must_use int overlay_change_begin(struct overlay_inode *di);
void overlay_change_end(struct overlay_inode *di);
/*
 * Directory `di` is about to be removed: until overlay_leave_end() nobody changes it. It has
 * an upper half from then on, so that it can know that it is gone.
 *
 *   whiteouts are there any in its upper half?
 *   errors    ENOTEMPTY, also where somebody is changing it
 */
must_use int overlay_leave_begin(struct overlay_inode *di, bool *whiteouts);
/* `gone`: it was removed. */
void overlay_leave_end(struct overlay_inode *di, bool gone);
/* What overlay_set_aside() put into the work directory, and nobody will see again, goes. */
void overlay_drop_aside(struct overlay_inode *oi, struct overlay_temp *t);

/* ---- overlay_rename.c ---- */

int overlay_rename(struct inode *from_dir, const char *old_name, struct inode *inode,
                   struct inode *to_dir, const char *new_name, struct inode *victim,
                   unsigned flags);

/* ---- overlay_names.c ---- */

extern const struct inode_ops overlay_dir_ops;

/* ---- overlay_attr.c ---- */

extern const struct inode_ops overlay_file_inode_ops, overlay_link_ops, overlay_special_ops;
int overlay_getattr(struct inode *i, struct attr *out);
int overlay_setattr(struct inode *i, const struct attr_change *c, const struct actor *who);
ssize_t overlay_getxattr(struct inode *i, const char *name, void *buf, size_t size);
int overlay_setxattr(struct inode *i, const char *name, const void *value, size_t size, int flags);
ssize_t overlay_listxattr(struct inode *i, char *buf, size_t size);
int overlay_removexattr(struct inode *i, const char *name);
void overlay_inode_release(struct inode *i);
#define OVERLAY_COMMON_OPS                                                                \
    .getattr = overlay_getattr, .setattr = overlay_setattr, .getxattr = overlay_getxattr, \
    .setxattr = overlay_setxattr, .listxattr = overlay_listxattr,                         \
    .removexattr = overlay_removexattr, .release = overlay_inode_release

/* ---- overlay_file.c ---- */

int overlay_open_file(struct inode *i, const struct path *at, int flags, const struct actor *who,
                      struct file **out);

/* ---- overlay_map.c ---- */

extern const struct mappable_ops overlay_map_ops;
/* Lets go of the layers' mappables. */
void overlay_map_release(struct overlay_inode *oi);
