/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: finding them, and how they come and go.
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
#include "sentry/vfs/prefix.h"
#include "sentry/vfs/vfs_priv.h"

static const struct slab_type dentry_slab = SLAB_TYPE(dentry, struct dentry);

/* Gives `d` room for a name of `len` bytes. */
static bool name_alloc(struct dentry *d, size_t len)
{
    d->name = len < DENTRY_OWN_NAME ? d->own_name : arena_alloc(arena_of(d), len + 1);
    return d->name != NULL;
}

void dentry_name_free(struct dentry *d)
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
        prefix_dentry_changed(d); /* its address may be another's */
        arena_free(d->children.buckets);
        dentry_name_free(d);
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

struct dentry *dentry_cached(struct dentry *dir, const char *name, size_t len, uint64_t hash)
{
    mutex_lock(&dir->lock);
    struct dentry *d = dentry_find_locked(dir, name, len, hash);
    if (d) {
        ref_get(&d->ref);
        if (!(dentry_state(d) & DENTRY_USED))
            dentry_state_set(d, DENTRY_USED);
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
    *other = dentry_find_locked(dir, d->name, d->name_len, hash);
    if (*other) {
        ref_get(&(*other)->ref);
        k = FOUND_OTHER;
    } else if (dir->forgets != forgets) {
        k = STALE;
    } else if (!dentry_reserve_locked(dir)) {
        k = NO_MEMORY;
    } else {
        dentry_hash_locked(dir, d, hash);
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
    if (name[len] == '/')
        look_ahead(dir, name, who);
    if (d) {
        if (still_true(dir, d, copy)) {
            *out = d;
            return 0;
        }
        dentry_forget(d, false);
        dentry_put(d);
    }
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
