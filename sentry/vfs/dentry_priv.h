/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a name.
 *
 * A name is in the cache while it hangs in its parent's table; the cache then has
 * one reference to it. A child has a reference to its parent, never the other way.
 *
 *        parent ──children──▶ name ──inode──▶ inode
 *           ◀────parent(ref)───┘
 *
 * An inode appears in a negative name at most once and stays for good: unlinking
 * takes the name out of the table, and those who hold it still see what it was.
 */
#pragma once

#include "base/hash.h"
#include "sentry/vfs/dentry.h"

#define DENTRY_OWN_NAME 40

enum dentry_state {
    DENTRY_HASHED = 1,  /* [P] in its parent's table */
    DENTRY_USED = 2,    /* somebody looked since the cache last swept by */
    DENTRY_DELETED = 4, /* unlinked: getcwd(2) says so */
};

/* [I] never changes   [a] atomic   [l] under lock   [P] the parent's lock   [T] sb->tree
 * [D] dcache lock */
struct dentry {
    struct ref ref;
    _Atomic uint32_t state;        /* [a] DENTRY_* */
    _Atomic uint32_t claim;        /* [a] whoever changes this name holds it: claim.h */
    _Atomic uint32_t mounts;       /* [a] mounts that sit on it */
    struct superblock *sb;         /* [I] borrowed: the root's inode keeps it */
    struct dentry *parent;         /* [T and P] a reference; NULL for the root of a file system */
    _Atomic(struct inode *) inode; /* a reference; NULL → inode once */
    struct hnode node;             /* [P] */
    struct list lru;               /* [D] */
    struct mutex lock;             /* RANK_DENTRY */
    struct htab children;          /* [l] no buckets before the first child */
    uint32_t forgets;  /* [l] counts children taken out: a look that began before is stale */
    uint32_t name_len; /* [T and P] */
    char *name;        /* [T and P] own_name or arena bytes; NUL-terminated */
    char own_name[DENTRY_OWN_NAME];
};

/* dentry_table.c: what is done with a table under its lock. */
struct dentry *dentry_find_locked(struct dentry *dir, const char *name, size_t len, uint64_t hash)
    HOLDS(dir->lock);
/* Room for one more child. A table that cannot grow gets slower, no more. */
must_use bool dentry_reserve_locked(struct dentry *dir) HOLDS(dir->lock);
/* The cache takes a reference. */
void dentry_hash_locked(struct dentry *dir, struct dentry *d, uint64_t hash) HOLDS(dir->lock);
/* The cache's reference passes to the caller. */
void dentry_unhash_locked(struct dentry *dir, struct dentry *d) HOLDS(dir->lock);
void dentry_name_free(struct dentry *d);

/* A new name that is not in the cache. Takes its own references. Errors: NULL, no memory. */
must_use struct dentry *dentry_new(struct dentry *parent, struct superblock *sb, const char *name,
                                   size_t len, struct inode *inode);

/*
 * The cached child, with a reference, or NULL.
 *
 *   hash      dentry_hash() of the name
 */
must_use struct dentry *dentry_cached(struct dentry *dir, const char *name, size_t len,
                                      uint64_t hash);
uint64_t dentry_hash(const struct dentry *dir, const char *name, size_t len);

/*
 * dentry_lookup() for the first component, of `len` bytes, of a path: what follows it tells
 * the file system what the walk is after.
 */
must_use int dentry_lookup_len(struct dentry *dir, const char *name, size_t len,
                               const struct actor *who, struct dentry **out);

/* The name got an inode (taken): it is positive from now on. */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* Takes the name out of the cache; `deleted` for good. */
void dentry_forget(struct dentry *d, bool deleted);
/* Forgets `d` if nobody but the cache and the caller has it. Returns whether it did. */
bool dentry_forget_unused(struct dentry *d);
/* Memory that dentry_move() onto `over` will need: so that the move cannot fail. Errors: ENOMEM. */
must_use int dentry_move_prepare(const struct dentry *over, char **fresh);
/*
 * `d` takes the place and the name of `over`, which is forgotten.
 *
 *   fresh          of dentry_move_prepare(): taken
 *   victim_deleted what `over` named is unlinked by it
 *   locks          both names are claimed; takes sb->tree and both parents' locks
 */
void dentry_move(struct dentry *d, struct dentry *over, char *fresh, bool victim_deleted);
/* The two change places, and stay in the cache if both are in it. Locks: as dentry_move(). */
void dentry_exchange(struct dentry *a, struct dentry *b);

/* Is `d` in the cache as the child of that name in `dir`? */
bool dentry_is_child(struct dentry *d, struct dentry *dir, const char *name, size_t len);
/* Is `d` the same as `top`, or below it in the same file system? Locks: takes sb->tree. */
bool dentry_is_below(struct dentry *d, struct dentry *top);
/* Puts a name that its file system does not cache into the cache all the same: something is mounted
 * on it. */
must_use int dentry_pin(struct dentry *d);

/* dcache.c: the names that nobody uses. */
void dcache_add(struct dentry *d);
void dcache_del(struct dentry *d);
/* Forgets `want` of the oldest unused names; 0: only what is over the limit. Returns how many. */
uint32_t dcache_shrink(struct arena *a, uint32_t want);
/* Forgets all unused names of a file system that is no longer mounted. */
void dcache_drop_sb(struct superblock *sb);

static inline uint32_t dentry_state(const struct dentry *d)
{
    return atomic_load_explicit(&((struct dentry *)d)->state, memory_order_relaxed);
}

static inline void dentry_state_set(struct dentry *d, uint32_t bits)
{
    atomic_fetch_or_explicit(&d->state, bits, memory_order_relaxed);
}

static inline void dentry_state_clear(struct dentry *d, uint32_t bits)
{
    atomic_fetch_and_explicit(&d->state, ~bits, memory_order_relaxed);
}
