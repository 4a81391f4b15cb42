/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a tmpfs.
 *
 * Locks, outermost first: `names` guards all directories of one tmpfs and the link
 * counts; an inode's own lock its attributes and, for files, who writes, truncates
 * and punches; a file's map.lock its tree of pages, since page faults come while
 * a write to the same file holds the inode's lock. Pages leave a tree only under
 * the inode's lock, so whoever holds that may use a frame without a reference.
 */
#pragma once

#include "base/hash.h"
#include "base/rbtree.h"
#include "sentry/fs/page_tree.h"
#include "sentry/fs/tmpfs.h"
#include "sentry/vfs/xattrs.h"

#define TMPFS_DIRENT_SIZE 20 /* what an entry adds to a directory's size, as in Linux */
#define TMPFS_FILE_MAX    ((uint64_t)INT64_MAX) /* bytes */
#define TMPFS_LINKS_MAX   (UINT32_MAX / 2)

struct tmpfs_options {
    uint64_t max_blocks; /* pages; 0: no limit */
    uint64_t max_inodes; /* 0: no limit */
    uint32_t mode, uid, gid;
    bool has_blocks, has_inodes;
};

/*
 * What is not mentioned stays as it is.
 *
 *   ram       bytes that there are, for sizes in percent
 *   ns        whose ids uid= and gid= are
 *   errors    EINVAL
 */
must_use int tmpfs_parse_options(const char *options, uint64_t ram, const struct user_ns *ns,
                                 struct tmpfs_options *o);

/* [I] never changes   [a] atomic   [n] names */
struct tmpfs {
    struct superblock sb;
    struct mutex names; /* RANK_DENTRY */
    _Atomic uint64_t max_blocks, max_inodes;
    _Atomic uint64_t blocks, inodes; /* in use */
    _Atomic uint64_t next_ino;
    uint64_t name_seed; /* [I] */
};

/* A directory's entry; arena bytes. */
struct tmpfs_entry {
    struct hnode node;         /* [n] by name */
    struct rb_node by_next;    /* [n] by `next` */
    uint64_t next;             /* [I] position behind it: rises with age, never reused */
    struct tmpfs_inode *inode; /* a reference */
    uint32_t len;              /* [I] */
    char name[];               /* [I] NUL-terminated */
};

struct tmpfs_dir {
    struct htab names;      /* [n] */
    struct rb_root by_next; /* [n] */
    uint64_t last;          /* [n] the newest entry's `next` */
};

struct tmpfs_data {
    struct page_tree pages; /* [map.lock] */
    unsigned seals;         /* [l] F_SEAL_* */
};

/* [l] inode.lock */
struct tmpfs_inode {
    struct inode inode;
    struct mappable map;  /* of files; its lock guards pages and, with [l], the size */
    struct xattrs xattrs; /* [l] */
    union {
        struct tmpfs_dir dir;
        struct tmpfs_data data;
        char *target; /* [I] of a link: arena */
    };
};

static inline struct tmpfs *tmpfs_of(const struct inode *i)
{
    return container_of(i->sb, struct tmpfs, sb);
}

static inline struct tmpfs_inode *tmpfs_inode_of(struct inode *i)
{
    return container_of(i, struct tmpfs_inode, inode);
}

/* The size of a file, as its last writer left it. Any lock or none. */
static inline uint64_t tmpfs_size(const struct tmpfs_inode *ti)
{
    return __atomic_load_n(&ti->inode.attr.size, __ATOMIC_ACQUIRE);
}

/* ---- tmpfs_inode.c ---- */

/* A new inode of `mode` that no name leads to yet: nlink 0. `who` NULL: root's. Errors: ENOSPC,
 * ENOMEM. */
must_use int tmpfs_inode_new(struct tmpfs *fs, const struct inode *dir, uint32_t mode,
                             uint64_t rdev, const struct actor *who, struct tmpfs_inode **out);
extern const struct inode_ops tmpfs_dir_ops, tmpfs_file_inode_ops, tmpfs_link_ops,
    tmpfs_special_ops;

/* What all kinds share. */
int tmpfs_setattr(struct inode *i, const struct attr_change *c, const struct actor *who);
ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *i, const char *name, const void *value, size_t size, int flags);
ssize_t tmpfs_listxattr(struct inode *i, char *buf, size_t size);
int tmpfs_removexattr(struct inode *i, const char *name);
void tmpfs_release(struct inode *i);
#define TMPFS_COMMON_OPS                                                              \
    .setattr = tmpfs_setattr, .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr, \
    .listxattr = tmpfs_listxattr, .removexattr = tmpfs_removexattr, .release = tmpfs_release

/* ---- tmpfs_dir.c ---- */

/* Gives up all entries of a directory that nobody has any more, and of those below it. */
void tmpfs_dir_destroy(struct tmpfs_inode *dir);
int tmpfs_open_dir(struct inode *i, const struct path *at, int flags, const struct actor *who,
                   struct file **out);

static inline struct tmpfs_dir *tmpfs_dir_of(struct inode *i)
{
    return &tmpfs_inode_of(i)->dir;
}

/* A directory that was removed takes no names any more. */
static inline bool tmpfs_is_dead(const struct inode *dir)
{
    return __atomic_load_n(&dir->attr.nlink, __ATOMIC_RELAXED) == 0;
}

/* An entry that is in no directory yet, and takes a reference of its own. NULL: no memory. */
must_use struct tmpfs_entry *tmpfs_entry_new(struct tmpfs *fs, const char *name,
                                             struct tmpfs_inode *ti);
/* The rest under `names`. */
struct tmpfs_entry *tmpfs_find_locked(const struct tmpfs *fs, struct tmpfs_dir *dir,
                                      const char *name);
/* The entry, if it still leads to `victim`. */
struct tmpfs_entry *tmpfs_entry_to_locked(struct tmpfs *fs, struct inode *dir, const char *name,
                                          const struct inode *victim);
must_use bool tmpfs_reserve_locked(struct tmpfs *fs, struct tmpfs_dir *dir);
void tmpfs_insert_locked(struct tmpfs *fs, struct inode *dir, struct tmpfs_entry *e);
/* The entry, with its reference, passes to the caller. */
void tmpfs_remove_locked(struct inode *dir, struct tmpfs_entry *e);
/* A directory got (1) or lost (-1) an entry; `links` more or fewer directories are in it. */
void tmpfs_dir_changed(struct inode *dir, int entries, int links);
void tmpfs_links_add(struct inode *i, int by);

/* ---- tmpfs_rename.c ---- */

int tmpfs_rename(struct inode *from, const char *old_name, struct inode *inode, struct inode *to,
                 const char *new_name, struct inode *victim, unsigned flags);

/* ---- tmpfs_data.c ---- */

/* Gives up pages [first, last). Locks: inode.lock and map.lock are held. */
void tmpfs_cut_locked(struct tmpfs_inode *ti, uint64_t first, uint64_t last) HOLDS(ti->map.lock);
/* Frees or zeroes what lies in [from, to) bytes. Locks: inode.lock is held. */
void tmpfs_punch(struct tmpfs_inode *ti, uint64_t from, uint64_t to);
/* Errors: EPERM by a seal; EFBIG. Locks: takes inode.lock; zaps mappings after it. */
must_use int tmpfs_resize(struct tmpfs_inode *ti, uint64_t size);
/*
 * The frames of [index, index + max) that lie next to each other; holes are filled.
 *
 *   count     how many, at least 1
 *   errors    ENOSPC, ENOMEM
 *   locks     map.lock is held
 */
must_use int tmpfs_fill(struct tmpfs_inode *ti, uint64_t index, uint64_t max, pfn_t *first,
                        uint64_t *count);
extern const struct mappable_ops tmpfs_map_ops;

/* ---- tmpfs_file.c ---- */

int tmpfs_open_file(struct inode *i, const struct path *at, int flags, const struct actor *who,
                    struct file **out);
