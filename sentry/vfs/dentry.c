/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: finding them, and how they come, go and move.
 *
 * A lookup that misses asks the file system without any lock. What it hears may be
 * old by the time it wants to keep it: each table counts what was taken out of it
 * (`forgets`), and a lookup that sees the count changed asks again. That is enough,
 * because whoever changes a name holds it in the table meanwhile (claim.h), and
 * a lookup that finds the name there takes what it finds.
 */
#include "sentry/vfs/dentry_priv.h"

#include <errno.h>

#include "sentry/core/slab.h"
#include "sentry/vfs/vfs_priv.h"

#define FIRST_BUCKETS 4

static const struct slab_type dentry_slab = SLAB_TYPE(dentry, struct dentry);

/* Gives `d` room for a name of `len` bytes. */
static bool name_alloc(struct dentry *d, size_t len)
{
    d->name = len < DENTRY_OWN_NAME ? d->own_name : arena_alloc(arena_of(d), len + 1);
    return d->name != NULL;
}

static void name_free(struct dentry *d)
{
    if (d->name != d->own_name)
        arena_free(d->name);
}

struct dentry *dentry_new(struct dentry *parent, struct superblock *sb, const char *name,
                          size_t len, struct inode *inode)
{
    struct dentry *d = slab_alloc(sb->arena, &dentry_slab);

    if (!d)
        return NULL;
    if (!name_alloc(d, len)) {
        slab_free(d);
        return NULL;
    }
    ref_init(&d->ref);
    memcpy(d->name, name, len);
    d->name[len] = '\0';
    d->name_len = (uint32_t)len;
    d->sb = sb;
    d->parent = parent ? dentry_get(parent) : NULL;
    atomic_init(&d->inode, inode ? inode_get(inode) : NULL);
    mutex_init(&d->lock, RANK_DENTRY);
    list_init(&d->lru);
    return d;
}

int dentry_create_root(struct inode *inode, struct dentry **out)
{
    *out = dentry_new(NULL, inode->sb, "/", 1, inode);
    inode_put(inode);
    return *out ? 0 : -ENOMEM;
}

struct dentry *dentry_get(struct dentry *d)
{
    ref_get(&d->ref);
    return d;
}

void dentry_put(struct dentry *d)
{
    /* A loop: a guest can make chains of parents that are longer than our stack. */
    while (d && ref_put(&d->ref)) {
        struct dentry *parent = d->parent;
        assert(d->children.count == 0 && !(dentry_state(d) & DENTRY_HASHED));
        /* The root's inode keeps the superblock, and with it the arena: last. */
        struct inode *inode = atomic_load_explicit(&d->inode, memory_order_relaxed);
        arena_free(d->children.buckets);
        name_free(d);
        slab_free(d);
        inode_put(inode);
        d = parent;
    }
}

struct inode *dentry_inode(const struct dentry *d)
{
    return atomic_load_explicit(&((struct dentry *)d)->inode, memory_order_acquire);
}

struct dentry *dentry_parent(struct dentry *d)
{
    mutex_lock(&d->sb->tree);
    struct dentry *p = dentry_get(d->parent ? d->parent : d);
    mutex_unlock(&d->sb->tree);
    return p;
}

size_t dentry_name(struct dentry *d, char *buf, size_t size)
{
    mutex_lock(&d->sb->tree);
    size_t n = min((size_t)d->name_len, size - 1);
    memcpy(buf, d->name, n);
    mutex_unlock(&d->sb->tree);
    buf[n] = '\0';
    return n;
}

bool dentry_is_deleted(const struct dentry *d)
{
    return dentry_state(d) & DENTRY_DELETED;
}

static void state_set(struct dentry *d, uint32_t bits)
{
    atomic_fetch_or_explicit(&d->state, bits, memory_order_relaxed);
}

static void state_clear(struct dentry *d, uint32_t bits)
{
    atomic_fetch_and_explicit(&d->state, ~bits, memory_order_relaxed);
}

/* ---- the table of a directory ---- */

uint64_t dentry_hash(const struct dentry *dir, const char *name, size_t len)
{
    return hash_bytes(vfs_of(dir->sb->arena)->name_seed, name, len);
}

static struct dentry *find_locked(struct dentry *dir, const char *name, size_t len, uint64_t hash)
    HOLDS(dir->lock);
static struct dentry *find_locked(struct dentry *dir, const char *name, size_t len, uint64_t hash)
{
    struct dentry *d;

    if (dir->children.count == 0)
        return NULL;
    htab_for_each (d, &dir->children, hash, node)
        if (d->name_len == len && memcmp(d->name, name, len) == 0)
            return d;
    return NULL;
}

/* Room for one more child. A table that cannot grow gets slower, no more. */
static bool reserve_locked(struct dentry *dir) HOLDS(dir->lock);
static bool reserve_locked(struct dentry *dir)
{
    struct htab *t = &dir->children;

    if (t->buckets && !htab_is_full(t))
        return true;
    size_t len = t->buckets ? (t->mask + 1) * 4 : FIRST_BUCKETS;
    struct hnode **fresh = arena_alloc(dir->sb->arena, len * sizeof(struct hnode *));
    if (!fresh)
        return t->buckets;
    if (t->buckets)
        arena_free(htab_rehash(t, fresh, len));
    else
        htab_init(t, fresh, len);
    return true;
}

/* The cache takes a reference. */
static void hash_locked(struct dentry *dir, struct dentry *d, uint64_t hash) HOLDS(dir->lock);
static void hash_locked(struct dentry *dir, struct dentry *d, uint64_t hash)
{
    htab_insert(&dir->children, &d->node, hash);
    state_set(d, DENTRY_HASHED | DENTRY_USED);
    ref_get(&d->ref);
    dcache_add(d);
}

/* The cache's reference passes to the caller. */
static void unhash_locked(struct dentry *dir, struct dentry *d) HOLDS(dir->lock);
static void unhash_locked(struct dentry *dir, struct dentry *d)
{
    dcache_del(d);
    htab_remove(&dir->children, &d->node);
    state_clear(d, DENTRY_HASHED);
    dir->forgets++;
}

struct dentry *dentry_cached(struct dentry *dir, const char *name, size_t len, uint64_t hash)
{
    mutex_lock(&dir->lock);
    struct dentry *d = find_locked(dir, name, len, hash);
    if (d) {
        ref_get(&d->ref);
        if (!(dentry_state(d) & DENTRY_USED))
            state_set(d, DENTRY_USED);
    }
    mutex_unlock(&dir->lock);
    return d;
}

/* What came of an attempt to keep what the file system said. */
enum kept { KEPT, FOUND_OTHER, STALE, NO_MEMORY };

/* Puts a new child into the table, or finds that somebody else did (*other, given). */
static enum kept keep_child(struct dentry *dir, struct dentry *d, uint64_t hash, uint32_t forgets,
                            struct dentry **other)
{
    enum kept k = KEPT;

    mutex_lock(&dir->lock);
    *other = find_locked(dir, d->name, d->name_len, hash);
    if (*other) {
        ref_get(&(*other)->ref);
        k = FOUND_OTHER;
    } else if (dir->forgets != forgets) {
        k = STALE;
    } else if (!reserve_locked(dir)) {
        k = NO_MEMORY;
    } else {
        hash_locked(dir, d, hash);
    }
    mutex_unlock(&dir->lock);
    return k;
}

static uint32_t forgets_of(struct dentry *dir)
{
    mutex_lock(&dir->lock);
    uint32_t n = dir->forgets;
    mutex_unlock(&dir->lock);
    return n;
}

/* Asks the file system. `*out` is not in the cache. */
static int ask(struct dentry *dir, const char *name, size_t len, const struct actor *who,
               struct dentry **out)
{
    struct inode *parent = dentry_inode(dir);
    struct inode *found = NULL;

    if (!parent->ops->lookup)
        return -ENOTDIR;
    int err = parent->ops->lookup(parent, name, who, &found);
    if (err && err != -ENOENT)
        return err;
    *out = dentry_new(dir, dir->sb, name, len, err ? NULL : found);
    if (!*out && dcache_shrink(dir->sb->arena, 64))
        *out = dentry_new(dir, dir->sb, name, len, err ? NULL : found);
    inode_put(found);
    return *out ? 0 : -ENOMEM;
}

static int lookup_slow(struct dentry *dir, const char *name, size_t len, uint64_t hash,
                       const struct actor *who, struct dentry **out)
{
    for (;;) {
        scoped(dentry) struct dentry *d = NULL;
        struct dentry *other;

        if (dentry_is_deleted(dir))
            return -ENOENT;
        uint32_t forgets = forgets_of(dir);
        int err = ask(dir, name, len, who, &d);
        if (err)
            return err;
        if (superblock_flags(dir->sb) & SB_NOCACHE) {
            *out = keep(d);
            return 0;
        }
        switch (keep_child(dir, d, hash, forgets, &other)) {
        case KEPT:
            *out = keep(d);
            dcache_shrink(dir->sb->arena, 0);
            return 0;
        case FOUND_OTHER:
            *out = other;
            return 0;
        case NO_MEMORY:
            return -ENOMEM;
        case STALE:
            break;
        }
    }
}

/* Is what the cache says still so? Only asked where others may change the tree. */
static bool still_true(struct dentry *dir, struct dentry *d, const char *name)
{
    struct inode *i = dentry_inode(dir);

    if (!i->ops->revalidate || i->ops->revalidate(i, name, dentry_inode(d)))
        return true;
    return atomic_load_explicit(&d->mounts, memory_order_relaxed) != 0;
}

static void look_ahead(struct dentry *dir, const char *path, const struct actor *who)
{
    struct inode *i = dentry_inode(dir);

    if (i->ops->look_ahead)
        i->ops->look_ahead(i, path, who);
}

void dentry_look_ahead(struct dentry *dir, const char *path, const struct actor *who)
{
    size_t len = strcspn(path, "/");

    if (!dentry_inode(dir)->ops->look_ahead)
        return;
    struct dentry *d = dentry_cached(dir, path, len, dentry_hash(dir, path, len));
    if (!d)
        look_ahead(dir, path, who);
    dentry_put(d);
}

int dentry_lookup_len(struct dentry *dir, const char *name, size_t len, const struct actor *who,
                      struct dentry **out)
{
    char copy[256];

    if (len >= sizeof copy)
        return -ENAMETOOLONG;
    uint64_t hash = dentry_hash(dir, name, len);
    struct dentry *d = dentry_cached(dir, name, len, hash);
    if (likely(d && !(superblock_flags(dir->sb) & SB_REVALIDATE))) {
        *out = d;
        return 0;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (d) {
        if (still_true(dir, d, copy)) {
            *out = d;
            return 0;
        }
        dentry_forget(d, false);
        dentry_put(d);
    }
    if (name[len] == '/')
        look_ahead(dir, name, who);
    return lookup_slow(dir, copy, len, hash, who, out);
}

int dentry_lookup(struct dentry *dir, const char *name, const struct actor *who,
                  struct dentry **out)
{
    return dentry_lookup_len(dir, name, strlen(name), who, out);
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
    struct inode *was = atomic_exchange_explicit(&d->inode, inode, memory_order_release);

    assert(!was);
}

/* ---- leaving and moving ---- */

void dentry_forget(struct dentry *d, bool deleted)
{
    bool was_hashed = false;

    mutex_lock(&d->sb->tree);
    struct dentry *dir = d->parent;
    if (dir) {
        mutex_lock(&dir->lock);
        was_hashed = dentry_state(d) & DENTRY_HASHED;
        if (was_hashed)
            unhash_locked(dir, d);
        if (deleted)
            state_set(d, DENTRY_DELETED);
        mutex_unlock(&dir->lock);
    }
    mutex_unlock(&d->sb->tree);
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
        unhash_locked(dir, d);
        gone = true;
    }
    mutex_unlock(&dir->lock);
    mutex_unlock(&d->sb->tree);
    if (gone)
        dentry_put(d);
    return gone;
}

void dentry_drop_children(struct dentry *dir)
{
    for (;;) {
        struct dentry *some[16], *d;
        size_t n = 0;

        mutex_lock(&dir->lock);
        for (size_t i = 0; dir->children.buckets && i <= dir->children.mask; i++)
            for (struct hnode *h = dir->children.buckets[i]; h && n < ARRAY_LEN(some);
                 h = h->next) {
                d = container_of(h, struct dentry, node);
                if (ref_count(&d->ref) == 1)
                    some[n++] = dentry_get(d);
            }
        mutex_unlock(&dir->lock);
        bool any = false;
        for (size_t i = 0; i < n; i++) {
            any |= dentry_forget_unused(some[i]);
            dentry_put(some[i]);
        }
        if (!any)
            return;
    }
}

/* `d` gets the name of `from`: into `fresh` (taken) where it is long. */
static void name_copy(struct dentry *d, const struct dentry *from, char *fresh)
{
    assert(fresh || from->name_len < DENTRY_OWN_NAME);
    name_free(d);
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
    bool over_was_hashed = false;

    mutex_lock(&sb->tree);
    struct dentry *from = d->parent, *to = over->parent;
    mutex_lock_two(&from->lock, &to->lock);
    bool d_was_hashed = dentry_state(d) & DENTRY_HASHED;
    if (d_was_hashed)
        unhash_locked(from, d);
    if (dentry_state(over) & DENTRY_HASHED) {
        over_was_hashed = true;
        unhash_locked(to, over);
    }
    if (victim_deleted)
        state_set(over, DENTRY_DELETED);
    name_copy(d, over, fresh);
    d->parent = dentry_get(to);
    if (over_was_hashed) /* and so there is room for it */
        hash_locked(to, d, over->node.hash);
    note_move(sb);
    mutex_unlock_two(&from->lock, &to->lock);
    mutex_unlock(&sb->tree);
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
    bool hashed = dentry_state(a) & dentry_state(b) & DENTRY_HASHED;
    if (hashed) {
        unhash_locked(pa, a);
        unhash_locked(pb, b);
    }
    swap_names(a, b);
    note_move(sb);
    a->parent = pb;
    b->parent = pa;
    if (hashed) {
        hash_locked(pb, a, hb);
        hash_locked(pa, b, ha);
    }
    mutex_unlock_two(&pa->lock, &pb->lock);
    mutex_unlock(&sb->tree);
    if (hashed) {
        dentry_put(a);
        dentry_put(b);
    }
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

int dentry_pin(struct dentry *d)
{
    struct dentry *dir = d->parent;
    int err = 0;

    if (!dir || dentry_state(d) & DENTRY_HASHED)
        return 0;
    if (dentry_is_deleted(d))
        return -ENOENT;
    mutex_lock(&dir->lock);
    if (!(dentry_state(d) & DENTRY_HASHED)) {
        if (reserve_locked(dir))
            hash_locked(dir, d, dentry_hash(dir, d->name, d->name_len));
        else
            err = -ENOMEM;
    }
    mutex_unlock(&dir->lock);
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
