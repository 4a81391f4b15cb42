/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that leave the cache, and names that move.
 *
 * Parents and names change under sb->tree and the locks of the tables concerned.
 */
#include <errno.h>

#include "sentry/vfs/dentry_priv.h"
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs_priv.h"

/*
 * Takes `d` out of the table, unless it has left it before: a look-up forgets what it does not
 * believe any more, and asks nobody who has claimed it. Returns whether it did; the cache's
 * reference passes to the caller then.
 */
static bool take_out_locked(struct dentry *dir, struct dentry *d) HOLDS(dir->lock);
static bool take_out_locked(struct dentry *dir, struct dentry *d)
{
    if (!(dentry_state(d) & DENTRY_HASHED))
        return false;
    dentry_unhash_locked(dir, d);
    return true;
}

void dentry_forget(struct dentry *d, bool deleted)
{
    bool was_hashed = false;

    mutex_lock(&d->sb->tree);
    struct dentry *dir = d->parent;
    if (dir) {
        mutex_lock(&dir->lock);
        was_hashed = take_out_locked(dir, d);
        if (deleted)
            dentry_state_set(d, DENTRY_DELETED);
        mutex_unlock(&dir->lock);
    }
    mutex_unlock(&d->sb->tree);
    if (deleted && dentry_inode(d) && inode_is(dentry_inode(d), S_IFDIR))
        prefix_forget(d);
    if (was_hashed)
        dentry_put(d);
}

bool dentry_forget_unused(struct dentry *d)
{
    bool gone = false;

    mutex_lock(&d->sb->tree);
    struct dentry *dir = d->parent;
    mutex_lock(&dir->lock);
    /* The cache's reference and the caller's: nobody else can come by one but through this table.
     */
    if (dentry_state(d) & DENTRY_HASHED && ref_count(&d->ref) == 2) {
        dentry_unhash_locked(dir, d);
        gone = true;
    }
    mutex_unlock(&dir->lock);
    mutex_unlock(&d->sb->tree);
    if (gone)
        dentry_put(d);
    return gone;
}

/* Where a walk over a table is. A table that got other buckets is begun anew. */
struct cursor {
    size_t mask, bucket;
};

#define DROP_BATCH 16

/* The next children that nobody uses, given. Those of its last bucket are seen again. */
static size_t next_unused(struct dentry *dir, struct cursor *at, struct dentry *out[DROP_BATCH])
{
    const struct htab *t = &dir->children;
    size_t n = 0;

    mutex_lock(&dir->lock);
    if (at->mask != t->mask)
        *at = (struct cursor){ .mask = t->mask };
    for (; t->buckets && at->bucket <= t->mask; at->bucket++) {
        for (struct hnode *h = t->buckets[at->bucket]; h && n < DROP_BATCH; h = h->next) {
            struct dentry *d = container_of(h, struct dentry, node);
            if (ref_count(&d->ref) == 1)
                out[n++] = dentry_get(d);
        }
        if (n == DROP_BATCH)
            break;
    }
    mutex_unlock(&dir->lock);
    return n;
}

void dentry_drop_children(struct dentry *dir)
{
    struct cursor at = { 0 };
    bool any;

    do {
        struct dentry *some[DROP_BATCH];
        size_t n = next_unused(dir, &at, some);

        any = false;
        for (size_t i = 0; i < n; i++) {
            any |= dentry_forget_unused(some[i]);
            dentry_put(some[i]);
        }
    } while (any);
}

/* `d` gets the name of `from`: into `fresh` (taken) where it is long. */
static void name_copy(struct dentry *d, const struct dentry *from, char *fresh)
{
    assert(fresh || from->name_len < DENTRY_OWN_NAME);
    dentry_name_free(d);
    d->name = fresh ? fresh : d->own_name;
    memcpy(d->name, from->name, from->name_len + 1);
    d->name_len = from->name_len;
}

int dentry_move_prepare(const struct dentry *over, char **fresh)
{
    *fresh = NULL;
    if (over->name_len < DENTRY_OWN_NAME)
        return 0;
    *fresh = arena_alloc(arena_of(over), over->name_len + 1);
    return *fresh ? 0 : -ENOMEM;
}

/* For walks that must not leave a directory, and trust no ".." after this. */
static void note_move(struct superblock *sb)
{
    atomic_fetch_add_explicit(&vfs_of(sb->arena)->moves, 1, memory_order_release);
}

void dentry_move(struct dentry *d, struct dentry *over, char *fresh, bool victim_deleted)
{
    struct superblock *sb = d->sb;

    mutex_lock(&sb->tree);
    struct dentry *from = d->parent, *to = over->parent;
    mutex_lock_two(&from->lock, &to->lock);
    bool d_was_hashed = take_out_locked(from, d);
    bool over_was_hashed = take_out_locked(to, over);
    if (victim_deleted)
        dentry_state_set(over, DENTRY_DELETED);
    name_copy(d, over, fresh);
    d->parent = dentry_get(to);
    if (over_was_hashed) /* and so there is room for it */
        dentry_hash_locked(to, d, over->node.hash);
    note_move(sb);
    mutex_unlock_two(&from->lock, &to->lock);
    mutex_unlock(&sb->tree);
    if (victim_deleted && inode_is(dentry_inode(over), S_IFDIR))
        prefix_forget(over);
    if (d_was_hashed)
        dentry_put(d);
    if (over_was_hashed)
        dentry_put(over);
    dentry_put(from);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    char own[DENTRY_OWN_NAME];
    char *a_name = a->name, *b_name = b->name;
    uint32_t len = a->name_len;

    memcpy(own, a->own_name, sizeof own);
    memcpy(a->own_name, b->own_name, sizeof own);
    memcpy(b->own_name, own, sizeof own);
    a->name = b_name == b->own_name ? a->own_name : b_name;
    b->name = a_name == a->own_name ? b->own_name : a_name;
    a->name_len = b->name_len;
    b->name_len = len;
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    struct superblock *sb = a->sb;

    mutex_lock(&sb->tree);
    struct dentry *pa = a->parent, *pb = b->parent;
    mutex_lock_two(&pa->lock, &pb->lock);
    uint64_t ha = a->node.hash, hb = b->node.hash;
    bool a_was_hashed = take_out_locked(pa, a);
    bool b_was_hashed = take_out_locked(pb, b);
    swap_names(a, b);
    note_move(sb);
    a->parent = pb;
    b->parent = pa;
    if (a_was_hashed && b_was_hashed) { /* and so there is room for both */
        dentry_hash_locked(pb, a, hb);
        dentry_hash_locked(pa, b, ha);
    }
    mutex_unlock_two(&pa->lock, &pb->lock);
    mutex_unlock(&sb->tree);
    if (a_was_hashed)
        dentry_put(a);
    if (b_was_hashed)
        dentry_put(b);
}

bool dentry_is_child(struct dentry *d, struct dentry *dir, const char *name, size_t len)
{
    mutex_lock(&dir->lock);
    bool is = dentry_state(d) & DENTRY_HASHED && d->parent == dir && d->name_len == len &&
              memcmp(d->name, name, len) == 0;
    mutex_unlock(&dir->lock);
    return is;
}

bool dentry_is_below(struct dentry *d, struct dentry *top)
{
    struct superblock *sb = d->sb;

    mutex_lock(&sb->tree);
    while (d && d != top)
        d = d->parent;
    mutex_unlock(&sb->tree);
    return d != NULL;
}

bool dentry_is_under(struct dentry *d, struct dentry *top)
{
    return d->sb == top->sb && dentry_is_below(d, top);
}

static int pin_one(struct dentry *d)
{
    struct dentry *dir = d->parent;
    int err = 0;

    if (dentry_is_deleted(d))
        return -ENOENT;
    mutex_lock(&dir->lock);
    if (!(dentry_state(d) & DENTRY_HASHED)) {
        if (dentry_reserve_locked(dir))
            dentry_hash_locked(dir, d, dentry_hash(dir, d->name, d->name_len));
        else
            err = -ENOMEM;
    }
    mutex_unlock(&dir->lock);
    return err;
}

/* All the way up: a name is only found again where the directory that it is in is. */
int dentry_pin(struct dentry *d)
{
    int err = 0;

    for (; !err && d->parent && !(dentry_state(d) & DENTRY_HASHED); d = d->parent)
        err = pin_one(d);
    return err;
}

void dentry_invalidate(struct dentry *dir, const char *name)
{
    size_t len = strlen(name);
    struct dentry *d = dentry_cached(dir, name, len, dentry_hash(dir, name, len));

    if (!d)
        return;
    dentry_forget(d, true);
    dentry_put(d);
}
